"""Full 3-D convolution: space and time mixed by one kernel."""

from collections.abc import Sequence

import torch
from torch import nn

from vidgauge.reference_models.cost import Cost, convolution
from vidgauge.reference_models.layer import Layer, check_counts, check_kernels
from vidgauge.reference_models.layers import LAYERS


@LAYERS.register("conv3d")
class Conv3d(Layer):
    """Dense k_t x k x k convolution, stride 1, zero padding that keeps the shape.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        spatial_kernel: odd k along height and width.
        temporal_kernel: odd k_t along time.
        bias: whether to add one.
    """

    takes = "video_bcthw"

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        spatial_kernel: int = 3,
        temporal_kernel: int = 3,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, out_channels=out_channels)
        check_kernels(spatial_kernel=spatial_kernel, temporal_kernel=temporal_kernel)
        self.in_channels, self.out_channels, self.bias = in_channels, out_channels, bias
        self.kernel = (temporal_kernel, spatial_kernel, spatial_kernel)
        self.convolution = nn.Conv3d(in_channels, out_channels, self.kernel, padding="same", bias=bias)

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
