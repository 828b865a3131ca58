"""Shifted window attention: windows that start half a window inside the grid, so that neighbouring windows mix."""

from collections.abc import Sequence
from typing import Any, Unpack

from vidgauge.errors import UsageError
from vidgauge.reference_models.attention import AttentionOptions
from vidgauge.reference_models.box_attention import BoxAttention
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.layer import check_extents
from vidgauge.reference_models.layers import LAYERS
from vidgauge.reference_models.pattern import Pattern, same_box
from vidgauge.reference_models.positions import RelativeBias


@LAYERS.register("shifted_window_attention")
class ShiftedWindowAttention(BoxAttention):
    """Attention inside (t, h, w) windows shifted by half (Liu et al., Video Swin, arXiv 2106.13230, section 3.2).

    The grid is filled up to whole windows at its ends and rolled, so that pieces of windows at opposite edges share a
    box, where a mask keeps them apart. Tokens that fill up the grid are masked out too: they cost, and change nothing.
    (torchvision's Swin lets real tokens see them.) A window at least as long as an axis becomes that axis and is not
    shifted along it, as in Video Swin.

    Args:
        channels: C of input and output.
        heads: attention heads, a divisor of C.
        window: extents along time, height and width.
        shift: places by which the windows are shifted along each axis, less than their extent; half of it unless given.
        relative_bias: add a learned number to each score for the offset in the window, as both papers do.
        options: as of every attention.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        window: Sequence[int],
        *,
        shift: Sequence[int] | None = None,
        relative_bias: bool = False,
        **options: Unpack[AttentionOptions],
    ) -> None:
        super().__init__(channels, heads, **options)
        time, height, width = check_extents("window", window)
        self.window: Grid = (time, height, width)
        self.steps = _checked_shift(shift, self.window)
        if relative_bias:
            self.positions = RelativeBias(heads, self.window)

    @classmethod
    def example(cls, channels: int, grid: Grid) -> dict[str, Any]:
        """All frames, half the height and width, rounded up."""
        time, height, width = grid
        return super().example(channels, grid) | {"window": [time, -(-height // 2), -(-width // 2)]}

    def pattern(self, grid: Grid) -> Pattern:
        """Tokens of the same shifted window see each other."""
        time, height, width = map(same_box, grid, self.box(grid), self.shift(grid))
        return Pattern(time, height, width)

    def box(self, grid: Grid) -> Grid:
        """The window, no longer than the grid along any axis."""
        time, height, width = map(min, self.window, grid)
        return time, height, width

    def shift(self, grid: Grid) -> Grid:
        """The shift, none along an axis that the window spans."""
        time, height, width = (
            0 if size >= extent else step for size, extent, step in zip(self.window, grid, self.steps, strict=True)
        )
        return time, height, width


def _checked_shift(shift: Sequence[int] | None, window: Grid) -> Grid:
    if shift is None:
        time, height, width = (size // 2 for size in window)
        return time, height, width
    whole = isinstance(shift, Sequence) and all(type(step) is int for step in shift)
    if not whole or len(shift) != 3 or any(not 0 <= step < size for step, size in zip(shift, window, strict=True)):
        raise UsageError(
            f"shift is {shift!r}; it must be three whole numbers of at least 0 and below the window's {window}"
        )
    return shift[0], shift[1], shift[2]
