"""What the convolutions on video have in common: configuration, and those that are one kernel."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import nn

from vidgauge.errors import UsageError
from vidgauge.reference_models.cost import Cost, Grid, Padding, convolution, same_padding
from vidgauge.reference_models.layer import Layer, check_counts, check_extents, check_kernels
from vidgauge.reference_models.layouts import as_laid_out


class Convolution(Layer):
    """Zero padding of half the odd kernel on both sides of each axis, so that stride 1 keeps the grid.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        kernel: extents along time, height and width.
        stride: steps along time, height and width; 1 where the kernel has no extent to mix along: a kernel on frames
            leaves out no frames.
        bias: whether each convolution adds one.

    Raises:
        UsageError: where a number is not whole and above 0, a kernel is even, or a stride has no axis to work on.
    """

    takes = "video_bcthw"
    over_time: ClassVar[bool] = True
    """Whether the operator mixes frames."""
    over_space: ClassVar[bool] = True
    """Whether the operator mixes places."""

    def __init__(self, in_channels: int, out_channels: int, kernel: Grid, *, stride: Sequence[int], bias: bool) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, out_channels=out_channels)
        check_kernels(temporal_kernel=kernel[0], spatial_kernel=kernel[1])
        time, height, width = check_extents("stride", stride)
        if (time > 1 and not self.over_time) or (max(height, width) > 1 and not self.over_space):
            alike = "time" if self.over_space else "height and width"
            raise UsageError(
                f"stride is {stride!r}, but {type(self).__name__} mixes nothing along {alike}: use 1 there"
            )
        self.in_channels, self.out_channels, self.bias = in_channels, out_channels, bias
        self.kernel, self.stride = kernel, (time, height, width)

    @classmethod
    def example(cls, channels: int, grid: Grid) -> dict[str, Any]:
        """As many channels out as in."""
        del grid
        return {"in_channels": channels, "out_channels": channels}


class SingleConvolution(Convolution):
    """One kernel, its weights in ``convolution``: (C_out, C_in / groups, k_t, k, k).

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        kernel: extents along time, height and width.
        stride: steps along time, height and width.
        groups: blocks of channels that do not mix; as many as channels make the kernel depthwise.
        bias: whether to add one.

    Raises:
        UsageError: where the groups do not divide the channels, and as of every convolution.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: Grid, *, stride: Sequence[int], groups: int, bias: bool
    ) -> None:
        super().__init__(in_channels, out_channels, kernel, stride=stride, bias=bias)
        check_counts(groups=groups)
        if in_channels % groups or out_channels % groups:
            raise UsageError(
                f"{groups} groups do not divide {in_channels} channels in and {out_channels} out; "
                "choose a divisor of both"
            )
        self.groups = groups
        self.padding: Padding = self.zeros()
        self.convolution = self.module()

    def zeros(self) -> Padding:
        """Zeros before and after along time, height and width."""
        return same_padding(self.kernel)

    def module(self) -> nn.Conv2d | nn.Conv3d:
        """What holds the weights; it pads both sides alike, so zeros before alone are left to ``forward``."""
        time, height, width = (after for _, after in self.padding)
        return nn.Conv3d(
            self.in_channels,
            self.out_channels,
            self.kernel,
            stride=self.stride,
            padding=(time, height, width),
            groups=self.groups,
            bias=self.bias,
        )

    def forward(self, video_bcthw: torch.Tensor) -> torch.Tensor:
        """Convolve: (B, C_in, T, H, W) to (B, C_out, T', H', W'), T' = floor((T - 1) / stride) + 1 and so on."""
        self.split(video_bcthw.shape)
        return as_laid_out(self.convolution(video_bcthw), video_bcthw)

    def cost(self, shape: Sequence[int]) -> Cost:
        """2 k_t k^2 C_in C_out / groups operations for each position of the output."""
        batch, grid = self.split(shape)
        return convolution(
            batch,
            grid,
            (self.in_channels, self.out_channels),
            self.kernel,
            bias=self.bias,
            itemsize=self.itemsize(),
            stride=self.stride,
            padding=self.padding,
            groups=self.groups,
        )
