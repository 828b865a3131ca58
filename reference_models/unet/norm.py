"""Group normalisation of each frame for itself."""

import math

import torch
from torch import nn

from vidgauge.reference_models.folding import fold_frames, unfold_frames
from vidgauge.reference_models.layouts import layout_of

_FEWEST = 4
"""Channels of a group, as 32 groups have at the 128 channels of the smallest networks of the papers."""


def norm_groups(channels: int) -> int:
    """32, as in the papers, or as many as divide both 32 and C and have four channels or more.

    A channel alone in its group would lose its mean, and with it what an embedding has added to it.
    """
    groups = math.gcd(32, channels)
    while groups > 1 and channels // groups < _FEWEST:
        groups //= 2
    return groups


class FrameNorm(nn.Module):
    """Group normalisation (Wu and He, arXiv 1803.08494) with the statistics of one frame.

    Over a whole clip it would couple the frames: a video model would not start as its image model on every frame, and
    images trained beside a video would see it. No paper of the six says which axes it takes; per frame is ours.

    Args:
        channels: C, in ``norm_groups(C)`` groups.
        affine: whether there are a scale and a shift to learn.
    """

    def __init__(self, channels: int, *, affine: bool = True) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(norm_groups(channels), channels, affine=affine)

    def forward(self, video_bcthw: torch.Tensor) -> torch.Tensor:
        """(B, C, T, H, W) in and out."""
        last = layout_of(video_bcthw) == torch.channels_last_3d
        return unfold_frames(self.norm(fold_frames(video_bcthw, channels_last=last)), len(video_bcthw))
