"""Video as a batch of images or of time series, for kernels of fewer dimensions, and the copies that this takes."""

import math
from collections.abc import Sequence

import torch

FRAMES = (0, 2, 1, 3, 4)
"""(B, C, T, H, W) to (B, T, C, H, W) and back."""
PIXELS = (0, 3, 4, 2, 1)
"""(B, T, C, H, W) to (B, H, W, C, T)."""
FROM_PIXELS = (0, 3, 4, 1, 2)
"""(B, H, W, C, T) to (B, C, T, H, W)."""


def fold_frames(video_bcthw: torch.Tensor, *, channels_last: bool) -> torch.Tensor:
    """(B T, C, H, W). With channels last the frames already lie one after the other: a view."""
    images = video_bcthw.permute(FRAMES).flatten(0, 1)
    return images.contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)


def unfold_frames(images_nchw: torch.Tensor, batch: int) -> torch.Tensor:
    """(B T, C, H, W) to (B, C, T, H, W), a view."""
    return images_nchw.view(batch, -1, *images_nchw.shape[1:]).permute(FRAMES)


def apart(video_bcthw: torch.Tensor) -> torch.Tensor:
    """The frames as clips of one: (B, C, T, H, W) to (B T, C, 1, H, W)."""
    return video_bcthw.permute(FRAMES).flatten(0, 1)[:, :, None]


def packed(images_bcthw: torch.Tensor, frames: int) -> torch.Tensor:
    """Clips of one frame as frames of clips: (B T, C, 1, H, W) to (B, C, T, H, W), a view."""
    return unfold_frames(images_bcthw[:, :, 0], len(images_bcthw) // frames)


def fold_pixels(video_bcthw: torch.Tensor, *, channels_last: bool) -> torch.Tensor:
    """(B H W, C, T), in memory (B H W, T, C) if channels are last; a copy in both layouts."""
    if channels_last:
        return video_bcthw.permute(0, 3, 4, 2, 1).flatten(0, 2).contiguous().transpose(1, 2)
    return video_bcthw.permute(0, 3, 4, 1, 2).flatten(0, 2).contiguous()


def unfold_pixels(series_nct: torch.Tensor, batch: int, height: int, width: int) -> torch.Tensor:
    """(B H W, C, T) to (B, C, T, H, W), a view."""
    return series_nct.view(batch, height, width, *series_nct.shape[1:]).permute(FROM_PIXELS)


def moved(shape: Sequence[int], order: Sequence[int]) -> int:
    """Numbers that a permutation of a contiguous tensor copies: all; none if only axes of one place change places."""
    longer = [axis for axis in order if shape[axis] > 1]
    return math.prod(shape) if longer != sorted(longer) else 0
