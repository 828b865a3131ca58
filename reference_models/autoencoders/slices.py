"""Long latents are decoded a few at a time, with the same result: memory then does not grow with the video."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from vidgauge.reference_models.layers.causal_conv3d import CausalConv3d

Memory = dict[nn.Module, Tensor]
"""By convolution: the last frames that it was given, as many as its kernel looks back."""


@contextmanager
def carried(network: nn.Module, memory: Memory) -> Iterator[None]:
    """While it is entered, the causal convolutions of a network go on where they were.

    What a convolution was given last is put in front of what comes next, and its output for that is dropped.

    Args:
        network: without strides over time.
        memory: empty at the start of a video; kept from slice to slice.
    """
    before: dict[nn.Module, int] = {}

    def remember(convolution: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        assert isinstance(convolution, CausalConv3d)
        (video_bcthw,) = given
        last = memory.get(convolution, video_bcthw[:, :, :0])
        whole = torch.cat([last, video_bcthw], 2)
        memory[convolution] = whole[:, :, -(convolution.kernel[0] - 1) :]
        before[convolution] = last.shape[2]
        return (whole,)

    def drop(convolution: nn.Module, given: tuple[Tensor, ...], found: Tensor) -> Tensor:
        del given
        return found[:, :, before[convolution] :]

    looking_back = [part for part in network.modules() if isinstance(part, CausalConv3d) and part.kernel[0] > 1]
    hooks = [part.register_forward_pre_hook(remember) for part in looking_back]
    hooks += [part.register_forward_hook(drop) for part in looking_back]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
