"""The videos that metrics take: checked, and as the bytes that a lossless file of them would hold."""

import math

import torch
from torch import Tensor

from vidgauge.errors import UsageError


def check_video(video_bcthw: Tensor) -> None:
    """Refuse what is no batch of videos, (N, 3, T, H, W), uint8 or floats in [0, 1]; nothing is guessed.

    Raises:
        UsageError: for another shape or type, NaN, or floats outside [0, 1].
    """
    if not isinstance(video_bcthw, Tensor):
        raise UsageError(f"videos are tensors (N, 3, T, H, W); got {type(video_bcthw).__name__}")
    shape = tuple(video_bcthw.shape)
    if len(shape) != 5 or shape[1] != 3 or 0 in shape:
        raise UsageError(f"videos are (N, 3, T, H, W) with nothing empty; the shape is {shape}")
    if video_bcthw.dtype == torch.uint8:
        return
    if not video_bcthw.is_floating_point():
        raise UsageError(f"videos are uint8, or floats in [0, 1]; the dtype is {video_bcthw.dtype}")
    low, high = (float(end) for end in video_bcthw.aminmax())
    if math.isnan(low):
        raise UsageError("videos hold NaN; check what made them")
    if low < 0 or high > 1:
        raise UsageError(
            f"float videos lie in [0, 1]; these span {low:.4g} to {high:.4g}: rescale them, or clamp what exceeds"
        )


def check_real(real: bool) -> bool:
    """Whether videos are real ones; a tensor or list in that place was meant for another argument.

    Raises:
        UsageError: for anything but True and False.
    """
    if not isinstance(real, bool):
        raise UsageError(f"real= is True for real videos and False for generated ones; got {type(real).__name__}")
    return real


def as_bytes(video_bcthw: Tensor) -> Tensor:
    """The same videos as uint8, floats rounded to the nearest of 256 levels."""
    if video_bcthw.dtype == torch.uint8:
        return video_bcthw
    at_least_single = video_bcthw if video_bcthw.dtype == torch.float64 else video_bcthw.float()
    return (at_least_single * 255).round().to(torch.uint8)
