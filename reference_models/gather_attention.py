"""Attention in which every tile of queries has its own window of keys: the folded form gathers those keys."""

import math
from abc import abstractmethod
from collections.abc import Sequence

import torch

from vidgauge.errors import UsageError
from vidgauge.reference_models.attention import Attention, Heads
from vidgauge.reference_models.attention_work import Work
from vidgauge.reference_models.boxes import Boxes
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.pattern import Pattern


class GatherAttention(Attention):
    """Tokens of a tile see the same keys, equally many for each tile; windows of neighbouring tiles overlap.

    Folded, each tile's keys and values are copied side by side: exactly the pairs of the pattern, and as many copies of
    a key as there are tiles that see it.
    """

    @abstractmethod
    def tile(self, grid: Grid) -> Grid:
        """Extents of a tile of queries; they divide the grid's.

        Raises:
            UsageError: where they do not.
        """

    def attend_folded(self, heads: Heads, frame_mask: torch.Tensor | None) -> torch.Tensor:
        """One sequence a tile."""
        batch, *extents = heads[0].shape[:4]
        grid, device = (extents[0], extents[1], extents[2]), heads[0].device
        tiles = Boxes(grid, self.tile(grid))
        index = self.keep("keys", (grid, device), lambda: _seen(self.pattern(grid), tiles.size).to(device))
        query = tiles.sequences(heads[0])
        key, value = (x.flatten(1, 3)[:, index].flatten(0, 1) for x in heads[1:])
        mask = None if frame_mask is None else _among_frames(frame_mask, batch, tiles, index)
        return tiles.join(self.attend((query, key, value), mask))

    def folded_work(self, batch: int, grid: Grid) -> Work:
        """Exactly the pairs of the pattern."""
        tiles, pairs, tokens = Boxes(grid, self.tile(grid)), batch * self.pattern(grid).pairs(), batch * math.prod(grid)
        in_tile, moved_in = math.prod(tiles.size), tiles.moved_in(batch)
        keys = pairs // in_tile
        viewed = self.kernel != "math" and not moved_in
        moved_out = tiles.moved_out(batch, heads_first=self.heads_first(in_tile), viewed=viewed)
        return Work(
            queries=tokens,
            keys=keys,
            pairs=pairs,
            sequences=tokens // in_tile,
            held=(tokens if moved_in else 0, keys, keys),
            moved=moved_in + 4 * keys + moved_out,
            output_copied=moved_out > 0,
        )


def check_window(window: Sequence[int], grid: Grid) -> None:
    """Refuse windows that do not fit into the grid: a token at the edge could not see as many as one in the middle.

    Raises:
        UsageError: saying how large they may be.
    """
    if any(size > extent for size, extent in zip(window, grid, strict=True)):
        raise UsageError(
            f"window {tuple(window)} is larger than the token grid {grid}; each extent may be at most the grid's"
        )


def _seen(pattern: Pattern, tile: Grid) -> torch.Tensor:
    """Numbers of the keys that each tile's first token sees: (tiles, keys) int."""
    time, height, width = (
        relation[::size].nonzero()[:, 1].view(-1, int(relation[0].sum()))
        for relation, size in zip(pattern.axes, tile, strict=True)
    )
    rows = time[:, None, None, :, None, None] * pattern.grid[1] + height[None, :, None, None, :, None]
    places = rows * pattern.grid[2] + width[None, None, :, None, None, :]
    return places.flatten(3, 5).flatten(0, 2)


def _among_frames(frame_mask: torch.Tensor, batch: int, tiles: Boxes, index: torch.Tensor) -> torch.Tensor:
    """The frame mask for each tile's queries and keys: (B tiles, 1, queries, keys)."""
    time, height, width = tiles.grid
    frames = torch.arange(time, device=index.device)[None, :, None, None].expand(1, time, height, width)
    query = tiles.cut(frames).flatten(4, 6).flatten(0, 3)  # (tiles, queries)
    key = index // (height * width)
    mask = frame_mask.reshape(-1, time, time)[:, query[:, :, None], key[:, None, :]]
    return mask.expand(batch, -1, -1, -1).flatten(0, 1)[:, None]
