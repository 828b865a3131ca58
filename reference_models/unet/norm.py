"""Group normalisation of each frame for itself."""

import math

import torch
from torch import nn

from vidgauge.reference_models.folding import fold_frames, unfold_frames
from vidgauge.reference_models.layouts import layout_of


class FrameNorm(nn.Module):
    """Group normalisation (Wu and He, arXiv 1803.08494) with the statistics of one frame.

    Over a whole clip it would couple the frames: a video model would not start as its image model on every frame, and
    images trained beside a video would see it. No paper of the six says which axes it takes; per frame is ours.

    Args:
        channels: C. There are 32 groups, or as many as divide both 32 and C.
        affine: whether there are a scale and a shift to learn.
    """

    def __init__(self, channels: int, *, affine: bool = True) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(math.gcd(32, channels), channels, affine=affine)

    def forward(self, video_bcthw: torch.Tensor) -> torch.Tensor:
        """(B, C, T, H, W) in and out."""
        last = layout_of(video_bcthw) == torch.channels_last_3d
        return unfold_frames(self.norm(fold_frames(video_bcthw, channels_last=last)), len(video_bcthw))
