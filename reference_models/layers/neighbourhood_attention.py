"""Neighbourhood attention: every token against a window of tokens around it."""

from collections.abc import Sequence
from typing import Any, Unpack

from vidgauge.reference_models.attention import AttentionOptions
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.gather_attention import GatherAttention, check_window
from vidgauge.reference_models.layer import check_extents
from vidgauge.reference_models.layers import LAYERS
from vidgauge.reference_models.pattern import Pattern, around


@LAYERS.register("neighbourhood_attention")
class NeighbourhoodAttention(GatherAttention):
    """Each token sees the t h w tokens nearest to it (Hassani et al., NATTEN, arXiv 2204.07143, section 3.1).

    At the edges the window moves inwards, so that all tokens see equally many: exactly N t h w pairs. An even extent
    reaches one place further back than forth. A window as large as the grid is joint attention.

    Args:
        channels: C of input and output.
        heads: attention heads, a divisor of C.
        window: extents along time, height and width, each at most the grid's.
        options: as of every attention.
    """

    def __init__(self, channels: int, heads: int, window: Sequence[int], **options: Unpack[AttentionOptions]) -> None:
        super().__init__(channels, heads, **options)
        self.window = check_extents("window", window)

    @classmethod
    def example(cls, channels: int, grid: Grid) -> dict[str, Any]:
        """The largest odd extents of at most half the grid's, 1 where there are none."""
        return super().example(channels, grid) | {"window": [max(1, (extent // 2 - 1) | 1) for extent in grid]}

    def pattern(self, grid: Grid) -> Pattern:
        """Tokens see the nearest along each axis."""
        check_window(self.window, grid)
        time, height, width = map(around, grid, self.window)
        return Pattern(time, height, width)

    def tile(self, grid: Grid) -> Grid:
        """Each token has a window of its own."""
        del grid
        return 1, 1, 1
