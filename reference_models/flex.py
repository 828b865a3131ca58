"""FlexAttention over a grid of tokens in tile order, with a block mask built from the pattern's three relations."""

import functools
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from vidgauge.errors import UsageError
from vidgauge.reference_models.boxes import Boxes
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.pattern import Pattern, Relation

if TYPE_CHECKING:  # imported where it is used: the compiler behind it takes seconds to import, and few layers need it
    from torch.nn.attention.flex_attention import BlockMask

BLOCK = 128
"""Tokens of a tile: the block size that FlexAttention's kernels are tuned for."""
ScoreMod = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def tiles(pattern: Pattern) -> Boxes:
    """The grid in tiles of ``BLOCK`` tokens, of the shape for which the fewest pairs are computed."""
    return Boxes(pattern.grid, pattern.best_tile(BLOCK))


def arrange(x_bthwhd: torch.Tensor, order: Boxes) -> torch.Tensor:
    """(B, T, H, W, heads, d) to (B, N', heads, d), tile after tile; zeros fill up the grid."""
    return order.cut(x_bthwhd).flatten(1, 6)


def coordinates(order: Boxes, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Place along time, height and width of each token in tile order, each (N',) int."""
    full = Boxes(order.filled, order.size)
    axes = torch.meshgrid(*(torch.arange(extent, device=device) for extent in full.grid), indexing="ij")
    time, height, width = (full.cut(axis[None]).flatten() for axis in axes)
    return time, height, width


def block_mask(pattern: Pattern, order: Boxes, frames: torch.Tensor | None, device: torch.device) -> "BlockMask":
    """The pattern, and which frames may see which, as FlexAttention takes them; no N x N matrix is made.

    Args:
        pattern: what sees what.
        order: how the tokens are numbered, tile by tile.
        frames: (T, T) or (B, T, T) bool on top of the pattern, or None.
        device: where it is used.
    """
    from torch.nn.attention.flex_attention import BlockMask

    time = pattern.time.to(device)[None] if frames is None else pattern.time.to(device) & _batched(frames)
    some, every = _of_blocks(pattern, time, order.size)
    time, height, width = (
        _filled_up(axis.to(device), extent)
        for axis, extent in zip((time, pattern.height, pattern.width), order.filled, strict=True)
    )
    t, y, x = coordinates(order, device)
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
    query_bnhd: torch.Tensor,
    key_bnhd: torch.Tensor,
    value_bnhd: torch.Tensor,
    mask: "BlockMask",
    score_mod: ScoreMod | None,
) -> torch.Tensor:
    """Attention on tokens in tile order, in one compiled kernel that skips the blocks in which nothing is seen.

    Returns:
        (B, N', heads, d), as the inputs.

    Raises:
        UsageError: on a CPU with gradients, for which torch has no kernel, or where it cannot compile one (float64).
    """
    if query_bnhd.device.type == "cpu" and torch.is_grad_enabled() and query_bnhd.requires_grad:
        raise UsageError("form 'flex' has no gradients on a CPU; use torch.no_grad(), a GPU or another form")
    from torch._dynamo import config
    from torch._dynamo.exc import BackendCompilerFailed

    query, key, value = (x.transpose(1, 2) for x in (query_bnhd, key_bnhd, value_bnhd))
    with warnings.catch_warnings(), config.patch(_NO_LIMIT):
        warnings.simplefilter("ignore")  # torch's own caller of a deprecated function, and its advice to compile
        try:
            return _compiled()(query, key, value, score_mod=score_mod, block_mask=mask).transpose(1, 2)
        except BackendCompilerFailed as error:
            reason = str(error.inner_exception).strip().partition("\n")[0]
            where = f"on {query.device.type} in {query.dtype}"
            raise UsageError(f"torch cannot compile form 'flex' {where}: {reason}; use another form") from error


_NO_LIMIT = {"recompile_limit": 2**20, "accumulated_recompile_limit": 2**20}
"""Every grid has a kernel of its own. At torch's limit of 8, ``fullgraph`` would raise in place of the ninth."""


@functools.cache
def _compiled() -> Callable[..., torch.Tensor]:
    """FlexAttention compiled, once for all layers; with ``fullgraph`` it never falls back to the un-fused form."""
    from torch.nn.attention.flex_attention import flex_attention

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
