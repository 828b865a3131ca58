"""Sliding tile attention: tiles of tokens against a window of tiles around them."""

from collections.abc import Sequence
from typing import Any, Unpack

from vidgauge.errors import UsageError
from vidgauge.reference_models.attention import AttentionOptions
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.gather_attention import GatherAttention, check_window
from vidgauge.reference_models.layer import check_extents
from vidgauge.reference_models.layers import LAYERS
from vidgauge.reference_models.pattern import Pattern, around, enlarged


@LAYERS.register("sliding_tile_attention")
class SlidingTileAttention(GatherAttention):
    """All tokens of a tile see the same window of whole tiles (Zhang et al., arXiv 2502.04507, section 3.2).

    So a kernel that works tile by tile computes each block in full or not at all. At the edges windows move inwards.
    In form ``flex`` that holds where boxes of 128 tokens fit into the tile: (2, 8, 8) or (6, 8, 8), but not (4, 4, 4),
    of which two share a block and the cost says what is computed in vain.

    Args:
        channels: C of input and output.
        heads: attention heads, a divisor of C.
        tile: extents along time, height and width; each must divide the grid's.
        window: extents in tokens, multiples of the tile's and at most the grid's.
        options: as of every attention.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        tile: Sequence[int],
        window: Sequence[int],
        **options: Unpack[AttentionOptions],
    ) -> None:
        super().__init__(channels, heads, **options)
        time, height, width = check_extents("tile", tile)
        self.tile_size: Grid = (time, height, width)
        self.window = check_extents("window", window)
        if any(extent % size for extent, size in zip(self.window, self.tile_size, strict=True)):
            raise UsageError(
                f"window {tuple(self.window)} is not made of tiles {self.tile_size}; choose multiples of each extent"
            )

    @classmethod
    def example(cls, channels: int, grid: Grid) -> dict[str, Any]:
        """Tiles of up to 4 x 4 x 4 tokens, windows of three tiles where there are as many."""
        tile = [next(size for size in (4, 3, 2, 1) if extent % size == 0) for extent in grid]
        window = [size * min(3, extent // size) for size, extent in zip(tile, grid, strict=True)]
        return super().example(channels, grid) | {"tile": tile, "window": window}

    def pattern(self, grid: Grid) -> Pattern:
        """Tiles see the nearest tiles along each axis."""
        tile = self.tile(grid)
        check_window(self.window, grid)
        time, height, width = (
            enlarged(around(extent // size, reach // size), size)
            for extent, size, reach in zip(grid, tile, self.window, strict=True)
        )
        return Pattern(time, height, width)

    def tile(self, grid: Grid) -> Grid:
        """The tile."""
        if any(extent % size for extent, size in zip(grid, self.tile_size, strict=True)):
            raise UsageError(
                f"tile {self.tile_size} does not divide the token grid {grid}; choose divisors of each extent"
            )
        return self.tile_size
