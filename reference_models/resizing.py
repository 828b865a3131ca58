"""Frames at another size: what a cascade's stages start from, and what guidance compares."""

from typing import Literal

import torch
from torch.nn import functional

from vidgauge.reference_models.folding import fold_frames, unfold_frames


def resized(
    video_bcthw: torch.Tensor, height: int, width: int, mode: Literal["bilinear", "bicubic"] = "bilinear"
) -> torch.Tensor:
    """Each frame for itself, without aliases where it becomes smaller."""
    if video_bcthw.shape[3:] == (height, width):
        return video_bcthw
    images = fold_frames(video_bcthw, channels_last=False)
    return unfold_frames(functional.interpolate(images, (height, width), mode=mode, antialias=True), len(video_bcthw))
