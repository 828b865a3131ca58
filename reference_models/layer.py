"""What every layer of the zoo is: a module that knows its input's layout and its own cost."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

import torch
from torch import nn

from vidgauge.errors import UsageError
from vidgauge.reference_models.cost import Cost, Grid
from vidgauge.reference_models.layouts import CHANNELS_LAST

Takes = Literal["video_bcthw", "tokens_bthwc"]
Execution = dict[str, str]
"""Constructor arguments that choose how an operator is carried out, not what it gives."""


class Layer(nn.Module, ABC):
    """An operator on video: shape in, shape out, and what it costs.

    A layer takes and gives float tensors of one layout: ``video_bcthw`` (B, C, T, H, W) or ``tokens_bthwc``
    (B, T, H, W, C). Its constructor's keyword arguments are its configuration, plain numbers that a TOML file can hold.
    """

    takes: ClassVar[Takes]
    """Layout of input and output."""
    in_channels: int
    """C of the input."""

    @abstractmethod
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the operator."""

    @abstractmethod
    def cost(self, shape: Sequence[int]) -> Cost:
        """What one call on an input of this shape costs, at the precision of the layer's own weights.

        Args:
            shape: the whole input shape in the layout the layer takes, batch first.

        Raises:
            UsageError: where the layer does not take that shape.
        """

    @classmethod
    def example(cls, channels: int, grid: Grid) -> dict[str, Any]:
        """Arguments of a usual layer of this kind for an input of that many channels and that (T, H, W).

        Lists, contests and tests build a layer from them where nobody chose. A layer without them is left out there.
        """
        del channels, grid
        return {}

    @classmethod
    def executions(cls) -> Sequence[Execution]:
        """Ways to carry the operator out: same parameters under the same names, same result up to rounding.

        Each is a set of constructor arguments; the first is the default. Which of them run depends on the machine.
        """
        return [{}]

    def more_inputs(self, shape: Sequence[int], generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        """What ``forward`` needs beside an input of this shape, drawn at random: the text of cross-attention."""
        del shape, generator
        return ()

    def to_layout(self, layout: str) -> Self:
        """Put the weights in one of ``LAYOUTS``: kernels over frames alone in its counterpart for images.

        Raises:
            UsageError: where the layer does not take a video.
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


def check_counts(**counts: int) -> None:
    """Refuse anything but whole numbers above 0 (channels, heads, extents)."""
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise UsageError(f"{name} is {count!r}; it must be a whole number of at least 1")


def check_kernels(**sizes: int) -> None:
    """Refuse even kernels: same padding puts as many zeros before as after."""
    check_counts(**sizes)
    for name, size in sizes.items():
        if size % 2 == 0:
            raise UsageError(f"{name} is {size}; same padding needs an odd size such as {size - 1} or {size + 1}")


def check_extents(name: str, extents: Sequence[int], axes: Sequence[str] = ("time", "height", "width")) -> list[int]:
    """Refuse anything but one whole number above 0 for each axis (windows, tiles, strides)."""
    if not isinstance(extents, Sequence) or len(extents) != len(axes):
        raise UsageError(f"{name} is {extents!r}; it must be {len(axes)} whole numbers: {', '.join(axes)}")
    check_counts(**{f"{name}_{axis}": extent for axis, extent in zip(axes, extents, strict=True)})
    return list(extents)


def check_choice(name: str, choice: str, allowed: Sequence[str]) -> None:
    """Refuse a word that is not among those allowed."""
    if choice not in allowed:
        raise UsageError(f"{name} is {choice!r}; choose one of {', '.join(allowed)}")
