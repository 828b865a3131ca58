"""(2+1)-D convolution: space, then a non-linearity, then time, with as many weights as the 3-D kernel."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from vidgauge.reference_models.convolution import SpaceTimeConvolution
from vidgauge.reference_models.cost import Cost, convolution, elementwise
from vidgauge.reference_models.layers import LAYERS


def matched_width(in_channels: int, out_channels: int, spatial_kernel: int, temporal_kernel: int) -> int:
    """Middle channels M for which the pair has at most the weights of the full kernel, and as close as can be.

    Tran et al., "A Closer Look at Spatiotemporal Convolutions" (arXiv 1711.11248), section 3.5:
    M = floor(t d^2 C_in C_out / (d^2 C_in + t C_out)).
    """
    area = spatial_kernel**2
    full = temporal_kernel * area * in_channels * out_channels
    return full // (area * in_channels + temporal_kernel * out_channels)


@LAYERS.register("conv2plus1d")
class Conv2Plus1d(SpaceTimeConvolution):
    """1 x k x k to M channels, ReLU, k_t x 1 x 1; stride 1, same padding (Tran et al., arXiv 1711.11248).

    The paper's network puts batch normalisation before the ReLU; it is left out, since in inference it folds into the
    first kernel, and the zoo measures operators, not blocks.
    """

    def add_convolutions(self, spatial_kernel: int, temporal_kernel: int) -> None:
        """Make the modules that hold the weights."""
        self.middle_channels = max(
            1, matched_width(self.in_channels, self.out_channels, spatial_kernel, temporal_kernel)
        )
        self.space = nn.Conv3d(
            self.in_channels, self.middle_channels, self.space_kernel, padding="same", bias=self.bias
        )
        self.time = nn.Conv3d(self.middle_channels, self.out_channels, self.time_kernel, padding="same", bias=self.bias)

    def forward(self, video_bcthw: torch.Tensor) -> torch.Tensor:
        """Convolve: (B, C_in, T, H, W) to (B, C_out, T, H, W)."""
        self.split(video_bcthw.shape)
        out: torch.Tensor = self.time(functional.relu(self.space(video_bcthw)))
        return out

    def cost(self, shape: Sequence[int]) -> Cost:
        """2 M (k^2 C_in + k_t C_out) operations a position."""
        batch, (frames, height, width) = self.split(shape)
        grid, middle, itemsize = (frames, height, width), self.middle_channels, self.itemsize()
        return (
            convolution(batch, grid, (self.in_channels, middle), self.space_kernel, bias=self.bias, itemsize=itemsize)
            + elementwise(batch * middle * frames * height * width)
            + convolution(batch, grid, (middle, self.out_channels), self.time_kernel, bias=self.bias, itemsize=itemsize)
        )
