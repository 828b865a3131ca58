"""Convolutions in two halves: over space in each frame, then over time at each place."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from vidgauge.reference_models.convolution import Convolution
from vidgauge.reference_models.cost import Cost, Grid, convolution, copied, output_grid, same_padding
from vidgauge.reference_models.folding import (
    FRAMES,
    FROM_PIXELS,
    PIXELS,
    fold_frames,
    fold_pixels,
    moved,
    unfold_frames,
    unfold_pixels,
)
from vidgauge.reference_models.layer import Execution, check_choice
from vidgauge.reference_models.layouts import as_laid_out, layout_of


class FactorisedConvolution(Convolution):
    """1 x k x k to M channels, then k_t x 1 x 1; what is between is the operator's own.

    The same parameters, ``space`` (M, C_in, 1, k, k) and ``time`` (C_out, M, k_t, 1, 1), in two executions:

    - ``conv3d``: each half is a 3-D convolution with a thin kernel;
    - ``conv2d_conv1d``: frames are folded into the batch for a Conv2d, places for a Conv1d. Of a contiguous video this
      makes three copies, with channels last two.

    A stride along height and width is the first half's, one along time the second's (Tran et al., arXiv 1711.11248):
    the first half runs at all T frames.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        spatial_kernel: odd k along height and width.
        temporal_kernel: odd k_t along time.
        stride: steps along time, height and width.
        bias: whether each half adds one.
        execution: one of the above, the operator's own default unless given.
    """

    ways: ClassVar[tuple[str, ...]]
    """The executions, the default first."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        spatial_kernel: int = 3,
        temporal_kernel: int = 3,
        *,
        stride: Sequence[int] = (1, 1, 1),
        bias: bool = True,
        execution: str | None = None,
    ) -> None:
        kernel = (temporal_kernel, spatial_kernel, spatial_kernel)
        super().__init__(in_channels, out_channels, kernel, stride=stride, bias=bias)
        self.execution = self.ways[0] if execution is None else execution
        check_choice("execution", self.execution, self.ways)
        self.middle_channels = self.width_between()
        (frames, height, width), (step, down, across) = self.kernel, self.stride
        self.space_kernel, self.space_stride = (1, height, width), (1, down, across)
        self.time_kernel, self.time_stride = (frames, 1, 1), (step, 1, 1)
        self.space = nn.Conv3d(
            in_channels,
            self.middle_channels,
            self.space_kernel,
            stride=self.space_stride,
            padding=(0, height // 2, width // 2),
            bias=bias,
        )
        self.time = nn.Conv3d(
            self.middle_channels,
            out_channels,
            self.time_kernel,
            stride=self.time_stride,
            padding=(frames // 2, 0, 0),
            bias=bias,
        )
        self.start()

    @classmethod
    def executions(cls) -> Sequence[Execution]:
        """Thin 3-D kernels, or kernels of fewer dimensions."""
        return [{"execution": way} for way in cls.ways]

    @abstractmethod
    def width_between(self) -> int:
        """M."""

    def start(self) -> None:
        """Give a new layer its weights, where they are not to be torch's own."""

    @abstractmethod
    def between(self, middle: torch.Tensor) -> torch.Tensor:
        """What happens to each number between the halves."""

    @abstractmethod
    def between_cost(self, numbers: int) -> Cost:
        """What that costs for so many."""

    def forward(self, video_bcthw: torch.Tensor) -> torch.Tensor:
        """Convolve: (B, C_in, T, H, W) to (B, C_out, T', H', W'), T' = floor((T - 1) / stride) + 1 and so on."""
        self.split(video_bcthw.shape)
        thin = self.execution == "conv3d"
        out = self.time(self.between(self.space(video_bcthw))) if thin else self._folded(video_bcthw)
        return as_laid_out(out, video_bcthw)

    def _folded(self, video_bcthw: torch.Tensor) -> torch.Tensor:
        batch, last = len(video_bcthw), layout_of(video_bcthw) == torch.channels_last_3d
        before, height, width = (size // 2 for size in self.kernel)
        images = functional.conv2d(
            fold_frames(video_bcthw, channels_last=last),
            self.space.weight[:, :, 0],
            self.space.bias,
            stride=self.space_stride[1:],
            padding=(height, width),
        )
        series = fold_pixels(unfold_frames(images, batch), channels_last=last)
        series = functional.conv1d(
            self.between(series),  # after the copy: autograd then keeps it once, as the convolution's input
            self.time.weight[..., 0, 0],
            self.time.bias,
            stride=self.time_stride[0],
            padding=before,
        )
        return unfold_pixels(series, batch, *images.shape[2:])

    def cost(self, shape: Sequence[int]) -> Cost:
        """2 M H' W' (T k^2 C_in + T' k_t C_out) operations a clip."""
        batch, grid = self.split(shape)
        into, middle, out = self.in_channels, self.middle_channels, self.out_channels
        between = output_grid(grid, self.space_kernel, self.space_stride, same_padding(self.space_kernel))
        after = output_grid(between, self.time_kernel, self.time_stride, same_padding(self.time_kernel))
        total = (
            self._half_cost(batch, grid, (into, middle), self.space_kernel, self.space_stride)
            + self.between_cost(batch * middle * math.prod(between))
            + self._half_cost(batch, between, (middle, out), self.time_kernel, self.time_stride)
        )
        if self.execution == "conv3d":
            return total
        numbers = (
            moved((batch, into, *grid), FRAMES)
            + moved((batch, between[0], middle, *between[1:]), PIXELS)
            + moved((batch, *after[1:], out, after[0]), FROM_PIXELS)
        )
        return total + copied(numbers, self.itemsize())

    def _half_cost(self, batch: int, grid: Grid, channels: tuple[int, int], kernel: Grid, stride: Grid) -> Cost:
        return convolution(batch, grid, channels, kernel, bias=self.bias, itemsize=self.itemsize(), stride=stride)
