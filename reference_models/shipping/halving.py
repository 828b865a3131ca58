"""Weights in float16, and how far what they make is from what they made before."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from vidgauge.reference_models.pipeline import Advance, Sampling
from vidgauge.reference_models.training.weights import load_pipeline

_ROUNDING = 2.0**-10
"""Of a tensor's largest value: twice what rounding to float16 changes a value by."""


def halve(weights: Path, halved: Path) -> tuple[str, ...]:
    """Write a weights file's floating tensors in float16, with the same header.

    Returns:
        The names of those that float16 cannot hold; they stay as they are.
    """
    tensors = load_file(weights)
    with safe_open(weights, "pt") as file:
        header = file.metadata()
    kept = tuple(name for name, tensor in tensors.items() if tensor.is_floating_point() and not fits_half(tensor))
    halves = {
        name: tensor.half() for name, tensor in tensors.items() if tensor.is_floating_point() and name not in kept
    }
    save_file(tensors | halves, halved, header)
    return kept


def fits_half(tensor: Tensor) -> bool:
    """Whether float16 changes it by no more than rounding does: nothing is too large, and not everything too small.

    Single values that vanish beside large ones are lost in the rounding of those.
    """
    largest = tensor.abs().amax() if tensor.numel() else torch.zeros(())
    lost = (tensor.half().to(tensor.dtype) - tensor).abs()
    return bool((lost <= _ROUNDING * largest).all())


def differences(weights: Path, halved: Path, captions: Sequence[str], advance: Advance) -> tuple[int, float]:
    """Of pixels of a video a caption, sampled from the same noise with both files.

    Returns:
        The largest and the mean difference, in levels of 255.
    """

    def samples(file: Path, before: int) -> Tensor:
        pipeline, _ = load_pipeline(file)
        with torch.no_grad():
            chunks = pipeline.sample(
                captions,
                range(len(captions)),
                Sampling(),
                lambda done, steps: advance(before * steps + done, 2 * steps),
            )
            return torch.cat(list(chunks), dim=1).int()

    apart = (samples(weights, 0) - samples(halved, 1)).abs()
    return int(apart.max()), float(apart.float().mean())
