"""Full 3-D convolution: space and time mixed by one kernel."""

from collections.abc import Sequence

import torch
from torch import nn

from vidgauge.reference_models.convolution import SpaceTimeConvolution
from vidgauge.reference_models.cost import Cost, convolution
from vidgauge.reference_models.layers import LAYERS


@LAYERS.register("conv3d")
class Conv3d(SpaceTimeConvolution):
    """Dense k_t x k x k convolution, stride 1, zero padding that keeps the shape."""

    def add_convolutions(self, spatial_kernel: int, temporal_kernel: int) -> None:
        """Make the modules that hold the weights."""
        self.kernel = (temporal_kernel, spatial_kernel, spatial_kernel)
        self.convolution = nn.Conv3d(self.in_channels, self.out_channels, self.kernel, padding="same", bias=self.bias)

    def forward(self, video_bcthw: torch.Tensor) -> torch.Tensor:
        """Convolve: (B, C_in, T, H, W) to (B, C_out, T, H, W)."""
        self.split(video_bcthw.shape)
        out: torch.Tensor = self.convolution(video_bcthw)
        return out

    def cost(self, shape: Sequence[int]) -> Cost:
        """2 k_t k^2 C_in C_out operations a position."""
        batch, grid = self.split(shape)
        channels = (self.in_channels, self.out_channels)
        return convolution(batch, grid, channels, self.kernel, bias=self.bias, itemsize=self.itemsize())
