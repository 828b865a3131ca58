"""Normalisation that looks at one place of one frame alone: what a network needs that is to be cut into tiles."""

import torch
from torch import nn

from vidgauge.reference_models.unet.norm import FrameNorm


class PlaceNorm(nn.Module):
    """Layer normalisation over the channels of each place.

    A group norm's statistics are those of what it is shown: a crop in training, a whole frame when sampling. "Fully
    convolutional" is then true of the kernels, yet not of the network. The paper does not say which norm; ours.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.norm = nn.LayerNorm(channels)

    def forward(self, video_bcthw: torch.Tensor) -> torch.Tensor:
        """(B, C, T, H, W) in and out."""
        normed: torch.Tensor = self.norm(video_bcthw.movedim(1, -1))
        return normed.movedim(-1, 1)


def norm_places(network: nn.Module) -> None:
    """Put a norm of places where each norm of frames is; they have as many parameters."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, FrameNorm):
                setattr(module, name, PlaceNorm(child.norm.num_channels))
