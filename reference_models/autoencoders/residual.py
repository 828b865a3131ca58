"""What the autoencoders are built of: residual blocks without a noise level, and norms per frame."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from vidgauge.reference_models.convolution import Convolution
from vidgauge.reference_models.layouts import CHANNELS_LAST
from vidgauge.reference_models.unet.norm import FrameNorm

Convolve = Callable[[int, int, int], Convolution]
"""Makes a convolution from channels in and out and the kernel along height and width."""


class ResidualBlock(nn.Module):
    """``skip(x) + conv(SiLU(norm(conv(SiLU(norm(x))))))``, norms per frame.

    Args:
        channels: C of the input.
        out_channels: C of the output; where it differs, the skip is a convolution with a kernel of one point.
        convolve: makes the convolutions.
    """

    def __init__(self, channels: int, out_channels: int, convolve: Convolve) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.norm_in = FrameNorm(channels)
        self.convolution_in = convolve(channels, out_channels, 3)
        self.norm_out = FrameNorm(out_channels)
        self.convolution_out = convolve(out_channels, out_channels, 3)
        self.activation = nn.SiLU()
        self.skip: nn.Module = nn.Identity() if channels == out_channels else convolve(channels, out_channels, 1)

    def forward(self, video_bcthw: Tensor) -> Tensor:
        """(B, C, T, H, W) to (B, C_out, T, H, W)."""
        hidden = self.convolution_in(self.activation(self.norm_in(video_bcthw)))
        hidden = self.convolution_out(self.activation(self.norm_out(hidden)))
        out: Tensor = self.skip(video_bcthw) + hidden
        return out


def blocks(channels: int, out_channels: int, count: int, convolve: Convolve) -> list[nn.Module]:
    """Residual blocks in a row; the first changes the channels."""
    widths: Sequence[int] = [channels] + [out_channels] * (count - 1)
    return [ResidualBlock(width, out_channels, convolve) for width in widths]


def set_norms(network: nn.Module, groups: int, epsilon: float) -> None:
    """Give all group norms of a network as many groups, and the same number under the root."""
    for module in network.modules():
        if isinstance(module, nn.GroupNorm):
            assert module.num_channels % groups == 0, f"{groups} groups of {module.num_channels} channels"
            module.num_groups, module.eps = groups, epsilon


def laid_out_for(convolution: Convolution, video_bcthw: Tensor) -> Tensor:
    """The video in the memory format of a convolution's weights, in which all that follows then works."""
    kernel = next(convolution.parameters())
    last = kernel.stride(1) == 1 and kernel.is_contiguous(memory_format=CHANNELS_LAST[kernel.ndim])
    return video_bcthw.contiguous(memory_format=torch.channels_last_3d if last else torch.contiguous_format)
