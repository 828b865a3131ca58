"""Attention as a residual branch of a network on video."""

import torch
from torch import nn

from vidgauge.reference_models.attention import Attention
from vidgauge.reference_models.layers.cross_attention import CrossAttention
from vidgauge.reference_models.unet.norm import FrameNorm


class Attending(nn.Module):
    """``x + attention(norm(x))``, with a norm per frame.

    Args:
        attention: a layer of the zoo.
        zero: whether its output projection starts at zero, so that a new branch passes its input on.
    """

    def __init__(self, attention: Attention | CrossAttention, *, zero: bool = True) -> None:
        super().__init__()
        self.norm = FrameNorm(attention.in_channels)
        self.attention = attention
        if zero:
            for parameter in attention.project_out.parameters():
                nn.init.zeros_(parameter)

    def forward(self, video_bcthw: torch.Tensor, *given: torch.Tensor | None) -> torch.Tensor:
        """(B, C, T, H, W) in and out; ``given`` goes to the attention: a frame mask, or a context and its mask."""
        tokens_bthwc = self.norm(video_bcthw).permute(0, 2, 3, 4, 1)
        mixed: torch.Tensor = self.attention(tokens_bthwc, *given)
        return video_bcthw + mixed.permute(0, 4, 1, 2, 3)
