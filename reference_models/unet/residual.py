"""The residual block: two convolutions, and the noise level between them."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import nn

from vidgauge.reference_models.convolution import Convolution
from vidgauge.reference_models.inflation import image_part
from vidgauge.reference_models.layers.conv2plus1d import Conv2Plus1d
from vidgauge.reference_models.layers.spatial_conv import SpatialConv
from vidgauge.reference_models.unet.norm import FrameNorm

Convolve = Callable[[int, int], Convolution]
"""Makes a 3 x 3 convolution on video from channels in and out."""
Resample = Callable[[torch.Tensor], torch.Tensor]


class Embedded(Protocol):
    """What a call of a U-Net hands to its blocks; each system has its own, with more in it."""

    @property
    def embedding_be(self) -> torch.Tensor:
        """Noise level and all else that a frame is told: (B, E), or (B, 1 or T, E) where frames may be told apart."""


class ResidualBlock(nn.Module):
    """``x + conv(dropout(SiLU(norm(conv(SiLU(norm(x))) + embedding))))``: pre-activation, norms per frame.

    The last convolution starts at zero (Ho et al., arXiv 2006.11239), so that a new block passes its input on.

    Args:
        channels: C of the input.
        out_channels: C of the output; where it differs, a 1 x 1 x 1 convolution takes the input there.
        embedding: E.
        convolve: makes the two convolutions.
        scale_shift: whether the embedding scales and shifts what the second norm gives (Dhariwal and Nichol, arXiv
            2105.05233, "adaptive group normalisation"), not just adds to what it gets.
        dropout: before the last convolution.
        resample: halves or doubles height and width, of the input and after the first activation (BigGAN's order,
            arXiv 1809.11096, as in 2105.05233).
        skip: makes the convolution that takes the input to other channels.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        embedding: int,
        convolve: Convolve = SpatialConv,
        *,
        scale_shift: bool = False,
        dropout: float = 0.0,
        resample: Resample | None = None,
        skip: Convolve | None = None,
    ) -> None:
        super().__init__()
        self.norm_in = FrameNorm(channels)
        self.convolution_in = convolve(channels, out_channels)
        self.embed = nn.Linear(embedding, 2 * out_channels if scale_shift else out_channels)
        self.norm_out = FrameNorm(out_channels)
        self.dropout = nn.Dropout(dropout)
        self.convolution_out = start_at_zero(convolve(out_channels, out_channels))
        self.activation = nn.SiLU()
        self.scale_shift, self.resample = scale_shift, resample
        self.skip: nn.Module = nn.Identity()
        if channels != out_channels:
            self.skip = (skip or pointwise)(channels, out_channels)

    def forward(self, video_bcthw: torch.Tensor, given: Embedded) -> torch.Tensor:
        """(B, C, T, H, W) to (B, C_out, T, H', W'); height and width change only where it resamples."""
        hidden = self.activation(self.norm_in(video_bcthw))
        if self.resample is not None:
            hidden, video_bcthw = self.resample(hidden), self.resample(video_bcthw)
        hidden = self.convolution_in(hidden)
        shift = self._told(given.embedding_be)
        if self.scale_shift:
            scale, shift = shift.chunk(2, dim=1)
            hidden = self.norm_out(hidden) * (1 + scale) + shift
        else:
            hidden = self.norm_out(hidden + shift)
        out: torch.Tensor = self.skip(video_bcthw) + self.convolution_out(self.dropout(self.activation(hidden)))
        return out

    def _told(self, embedding_be: torch.Tensor) -> torch.Tensor:
        """(B, C or 2 C, 1 or T, 1, 1)."""
        told: torch.Tensor = self.embed(self.activation(embedding_be))
        told_bcr = told[..., None] if told.ndim == 2 else told.transpose(1, 2)
        return told_bcr[..., None, None]


def pointwise(channels: int, out_channels: int) -> Convolution:
    """A 1 x 1 x 1 convolution."""
    return SpatialConv(channels, out_channels, 1)


@torch.no_grad()
def start_at_zero(convolution: Convolution) -> Convolution:
    """The layer, giving zeros until it has learned; a Dirac delta along time stays what it is.

    With a non-linearity between its halves it is the last half: after a first one of zeros, a ReLU would never open.
    """
    part = convolution.time if isinstance(convolution, Conv2Plus1d) else image_part(convolution)
    for parameter in part.parameters():
        parameter.zero_()
    return convolution
