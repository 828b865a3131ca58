"""Pseudo-3-D convolution of Make-A-Video: a 2-D convolution, then a 1-D one along time that starts as the identity."""

from collections.abc import Sequence

import torch
from torch import nn

from vidgauge.reference_models.convolution import SpaceTimeConvolution
from vidgauge.reference_models.cost import Cost, convolution
from vidgauge.reference_models.layers import LAYERS


@LAYERS.register("pseudo_conv3d")
class PseudoConv3d(SpaceTimeConvolution):
    """Conv1D over time of Conv2D over space, nothing between (Singer et al., arXiv 2209.14792, section 3.2.1).

    The temporal kernel starts as a Dirac delta, so that a new layer equals its 2-D convolution on every frame.
    As in the paper, frames are folded into the batch for the first and pixels for the second convolution; the
    transpositions between them are part of what is timed.
    """

    def add_convolutions(self, spatial_kernel: int, temporal_kernel: int) -> None:
        """Make the modules that hold the weights."""
        self.space = nn.Conv2d(self.in_channels, self.out_channels, spatial_kernel, padding="same", bias=self.bias)
        self.time = nn.Conv1d(self.out_channels, self.out_channels, temporal_kernel, padding="same", bias=self.bias)
        nn.init.dirac_(self.time.weight)
        if self.time.bias is not None:
            nn.init.zeros_(self.time.bias)

    def forward(self, video_bcthw: torch.Tensor) -> torch.Tensor:
        """Convolve: (B, C_in, T, H, W) to (B, C_out, T, H, W)."""
        batch, (frames, height, width) = self.split(video_bcthw.shape)
        images = self.space(video_bcthw.transpose(1, 2).flatten(0, 1))  # (B T, C_out, H, W)
        pixels = (
            images.reshape(batch, frames, -1, height, width).permute(0, 3, 4, 2, 1).flatten(0, 2)
        )  # (B H W, C_out, T)
        mixed: torch.Tensor = self.time(pixels)
        return mixed.reshape(batch, height, width, -1, frames).permute(0, 3, 4, 1, 2)

    def cost(self, shape: Sequence[int]) -> Cost:
        """2 C_out (k^2 C_in + k_t C_out) operations a position; the bytes leave out the transpositions."""
        batch, grid = self.split(shape)
        out, itemsize = self.out_channels, self.itemsize()
        space = convolution(batch, grid, (self.in_channels, out), self.space_kernel, bias=self.bias, itemsize=itemsize)
        return space + convolution(batch, grid, (out, out), self.time_kernel, bias=self.bias, itemsize=itemsize)
