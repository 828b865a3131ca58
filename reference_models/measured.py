"""What a benchmark can measure: a module on video that knows its input's layout and its own cost."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

import torch
from torch import nn

from vidgauge.errors import UsageError
from vidgauge.reference_models.cost import Cost, Grid
from vidgauge.reference_models.layouts import CHANNELS_LAST

Takes = Literal["video_bcthw", "tokens_bthwc"]


class Measured(nn.Module, ABC):
    """A layer of the zoo or a whole system: shape in, shape out, and what it costs.

    It takes and gives float tensors of one layout: ``video_bcthw`` (B, C, T, H, W) or ``tokens_bthwc`` (B, T, H, W, C).
    """

    takes: ClassVar[Takes]
    """Layout of input and output."""
    in_channels: int
    """C of the input."""

    @abstractmethod
    def forward(self, *args: Any, **kwargs: Any) -> torch.Tensor:  # noqa: ANN401 - whatever it takes
        """What is timed: called with an input of its layout, then with ``more_inputs``."""

    @abstractmethod
    def cost(self, shape: Sequence[int]) -> Cost:
        """What one call on an input of this shape costs, at the precision of its own weights.

        Args:
            shape: the whole input shape in the layout it takes, batch first.

        Raises:
            UsageError: where it does not take that shape.
        """

    def more_inputs(self, shape: Sequence[int], generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        """What ``forward`` needs beside an input of this shape, drawn at random: the text of cross-attention.

        Those of floats are given at the precision that is measured, and gradients reach them; others are left as is.
        """
        del shape, generator
        return ()

    def to_layout(self, layout: str) -> Self:
        """Put the weights in one of ``LAYOUTS``: kernels over frames alone in its counterpart for images.

        Raises:
            UsageError: where it does not take a video.
        """
        if layout != "contiguous" and self.takes != "video_bcthw":
            raise UsageError(f"{layout} is a layout of video_bcthw, but {type(self).__name__} takes {self.takes}")
        for parameter in self.parameters():
            last = layout == "channels_last_3d" and parameter.ndim in CHANNELS_LAST
            memory_format = CHANNELS_LAST[parameter.ndim] if last else torch.contiguous_format
            parameter.data = parameter.data.to(memory_format=memory_format)
        return self

    def itemsize(self) -> int:
        """Bytes of one number at the layer's precision."""
        return next(self.parameters()).element_size()

    def split(self, shape: Sequence[int]) -> tuple[int, Grid]:
        """Check an input's shape; returns the batch and the grid (T, H, W).

        Raises:
            UsageError: where the rank, the channels or an extent is wrong.
        """
        rank = len(self.takes.partition("_")[2])
        if len(shape) != rank or min(shape) < 1:
            raise UsageError(f"{type(self).__name__} takes {self.takes} with no empty axis, not shape {tuple(shape)}")
        video = self.takes == "video_bcthw"
        channels = shape[1] if video else shape[-1]
        if channels != self.in_channels:
            raise UsageError(
                f"{type(self).__name__} was built for {self.in_channels} channels, "
                f"but {self.takes} {tuple(shape)} has {channels}"
            )
        time, height, width = shape[2:] if video else shape[1:4]
        return shape[0], (time, height, width)
