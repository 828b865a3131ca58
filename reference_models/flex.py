"""FlexAttention over a grid of tokens in tile order, with a block mask built from the pattern's three relations."""

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from vidgauge.errors import UsageError
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.pattern import Pattern, Relation

BLOCK = 128
"""Tokens of a tile: the block size that FlexAttention's kernels are tuned for."""
ScoreMod = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class TileOrder:
    """Tokens of a grid numbered tile by tile, the grid filled up to whole tiles; tokens of a block lie close together."""

    grid: Grid
    tile: Grid

    @property
    def tiles(self) -> Grid:
        """Tiles along each axis."""
        time, height, width = (-(-extent // size) for extent, size in zip(self.grid, self.tile, strict=True))
        return time, height, width

    def arrange(self, x_bhtywd: torch.Tensor) -> torch.Tensor:
        """(B, h, T, H, W, d) to (B, h, N', d), tile after tile; zeros fill up the grid."""
        (nt, nh, nw), (t, h, w) = self.tiles, self.tile
        missing = [n * size - extent for n, size, extent in zip(self.tiles, self.tile, self.grid, strict=True)]
        padded = functional.pad(x_bhtywd, (0, 0, 0, missing[2], 0, missing[1], 0, missing[0]))
        boxes = padded.unflatten(4, (nw, w)).unflatten(3, (nh, h)).unflatten(2, (nt, t))
        return boxes.permute(0, 1, 2, 4, 6, 3, 5, 7, 8).flatten(2, 7)

    def restore(self, x_bhnd: torch.Tensor) -> torch.Tensor:
        """(B, h, N', d) back to (B, h, T, H, W, d), without what filled up the grid."""
        (nt, nh, nw), (t, h, w), (time, height, width) = self.tiles, self.tile, self.grid
        boxes = x_bhnd.unflatten(2, (nt, nh, nw, t, h, w)).permute(0, 1, 2, 5, 3, 6, 4, 7, 8)
        return boxes.flatten(6, 7).flatten(4, 5).flatten(2, 3)[:, :, :time, :height, :width]

    def coordinates(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Place along time, height and width of each token in tile order, each (N',) int."""
        extents = [n * size for n, size in zip(self.tiles, self.tile, strict=True)]
        places = torch.meshgrid(*(torch.arange(extent, device=device) for extent in extents), indexing="ij")
        order = TileOrder((extents[0], extents[1], extents[2]), self.tile)
        time, height, width = (order.arrange(axis[None, None, ..., None]).flatten() for axis in places)
        return time, height, width


def block_mask(pattern: Pattern, order: TileOrder, frames: torch.Tensor | None, device: torch.device) -> BlockMask:
    """The pattern, and which frames may see which, as FlexAttention takes them; no N x N matrix is made.

    Args:
        pattern: what sees what.
        order: how the tokens are numbered.
        frames: (T, T) or (B, T, T) bool on top of the pattern, or None.
        device: where it is used.
    """
    time = pattern.time.to(device)[None] if frames is None else pattern.time.to(device) & _batched(frames)
    some, every = _of_blocks(pattern, time, order.tile)
    time, height, width = (
        _filled_up(axis.to(device), n * size)
        for axis, n, size in zip((time, pattern.height, pattern.width), order.tiles, order.tile, strict=True)
    )
    t, y, x = order.coordinates(device)
    several = len(time) > 1

    def sees(batch: torch.Tensor, _head: torch.Tensor, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        when = time[batch if several else 0, t[query], t[key]]
        return when & height[y[query], y[key]] & width[x[query], x[key]]

    partial_count, partial_index = _listed(some & ~every, device)
    full_count, full_index = _listed(every, device)
    return BlockMask.from_kv_blocks(
        partial_count, partial_index, full_count, full_index, BLOCK_SIZE=BLOCK, mask_mod=sees, seq_lengths=(len(t),) * 2
    )


def attend(
    query_bhnd: torch.Tensor,
    key_bhnd: torch.Tensor,
    value_bhnd: torch.Tensor,
    mask: BlockMask,
    score_mod: ScoreMod | None,
) -> torch.Tensor:
    """Attention on tokens in tile order, in one compiled kernel that skips the blocks in which nothing is seen.

    Raises:
        UsageError: on a CPU with gradients, for which torch has no kernel.
    """
    if query_bhnd.device.type == "cpu" and torch.is_grad_enabled() and query_bhnd.requires_grad:
        raise UsageError("form 'flex' has no gradients on a CPU; use torch.no_grad(), a GPU or another form")
    with warnings.catch_warnings():  # torch's own caller of a deprecated function, and its advice to compile
        warnings.simplefilter("ignore")
        out: torch.Tensor = _compiled()(query_bhnd, key_bhnd, value_bhnd, score_mod=score_mod, block_mask=mask)
    return out


@functools.cache
def _compiled() -> Callable[..., torch.Tensor]:
    """FlexAttention compiled, once for all layers; with ``fullgraph`` it never falls back to the un-fused form."""
    return torch.compile(flex_attention, dynamic=False, fullgraph=True)


def _batched(frames: torch.Tensor) -> torch.Tensor:
    return frames if frames.ndim == 3 else frames[None]


def _filled_up(relation: Relation, extent: int) -> Relation:
    """The relation over more places, which neither see nor are seen."""
    missing = extent - relation.shape[-1]
    return functional.pad(relation, (0, missing, 0, missing))


def _of_blocks(pattern: Pattern, time: torch.Tensor, tile: Grid) -> tuple[torch.Tensor, torch.Tensor]:
    """Blocks in which any pair of any clip sees each other, and blocks in which all of all do: (n, n) bool each."""
    some, _ = Pattern(time.any(0).cpu(), pattern.height, pattern.width).of_tiles(tile)
    _, every = Pattern(time.all(0).cpu(), pattern.height, pattern.width).of_tiles(tile)
    return some.mask(), every.mask()


def _listed(blocks: torch.Tensor, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """How many key blocks each query block has, and which, those first."""
    counts = blocks.sum(1, dtype=torch.int32)
    order = blocks.to(torch.int8).argsort(dim=1, descending=True, stable=True).to(torch.int32)
    return counts[None, None].to(device), order[None, None].contiguous().to(device)
