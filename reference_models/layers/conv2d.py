"""2-D convolution of each frame."""

from collections.abc import Sequence

import torch
from torch import nn

from vidgauge.reference_models.cost import Cost, copied, output_grid
from vidgauge.reference_models.folding import FRAMES, fold_frames, moved, unfold_frames
from vidgauge.reference_models.layers import LAYERS
from vidgauge.reference_models.layers.spatial_conv import SpatialConv
from vidgauge.reference_models.layouts import as_laid_out, layout_of


@LAYERS.register("conv2d")
class Conv2d(SpatialConv):
    """k x k ``nn.Conv2d`` on the frames of all clips as one batch of images, as in an image model; frames do not mix.

    A contiguous video is copied to fold its frames into the batch, and its output copied back; with channels last both
    are views. ``spatial_conv`` gives the same numbers with a 3-D kernel, without copies.

    Arguments are those of ``spatial_conv``.
    """

    def module(self) -> nn.Conv2d:
        """An image's convolution: (C_out, C_in / groups, k, k)."""
        _, height, width = self.kernel
        return nn.Conv2d(
            self.in_channels,
            self.out_channels,
            (height, width),
            stride=self.stride[1:],
            padding=(height // 2, width // 2),
            groups=self.groups,
            bias=self.bias,
        )

    def forward(self, video_bcthw: torch.Tensor) -> torch.Tensor:
        """Convolve: (B, C_in, T, H, W) to (B, C_out, T, H', W'), H' = floor((H - 1) / stride) + 1 and so on."""
        batch, _ = self.split(video_bcthw.shape)
        last = layout_of(video_bcthw) == torch.channels_last_3d
        images = self.convolution(fold_frames(video_bcthw, channels_last=last))
        return as_laid_out(unfold_frames(images, batch), video_bcthw)

    def cost(self, shape: Sequence[int]) -> Cost:
        """2 k^2 C_in C_out / groups operations for each position of the output; copies to fold and unfold frames."""
        batch, grid = self.split(shape)
        frames, *after = output_grid(grid, self.kernel, self.stride, self.padding)
        numbers = moved((batch, self.in_channels, *grid), FRAMES)
        numbers += moved((batch, frames, self.out_channels, *after), FRAMES)
        return super().cost(shape) + copied(numbers, self.itemsize())
