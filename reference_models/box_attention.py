"""Attention inside boxes of the token grid, folded into short sequences; most patterns of video models are of this kind."""

import math
from abc import abstractmethod

import torch
from torch.nn import functional

from vidgauge.reference_models import kernels
from vidgauge.reference_models.attention import Attention, Heads
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.pattern import Relation
from vidgauge.reference_models.positions import places


class BoxAttention(Attention):
    """Tokens see those in their box. Boxes may start before the grid (a shift) and end after it (padding, masked out)."""

    @abstractmethod
    def box(self, grid: Grid) -> Grid:
        """Extents of a box.

        Raises:
            UsageError: where boxes of that size do not suit the grid.
        """

    def shift(self, grid: Grid) -> Grid:
        """How far the boxes start inside the grid along each axis; what lies before wraps around, masked."""
        del grid
        return 0, 0, 0

    def folded_pairs(self, grid: Grid) -> int:
        """Whole boxes: each padded token counts as a query and as a key."""
        box = self.box(grid)
        return math.prod(n * size for n, size in zip(_boxes(grid, box), box, strict=True)) * math.prod(box)

    def attend_folded(self, heads: Heads, frame_mask: torch.Tensor | None) -> torch.Tensor:
        """One sequence a box; a mask only where the pattern, padding or frames ask for one."""
        batch, _, *grid = heads[0].shape[:5]
        grid_thw = (grid[0], grid[1], grid[2])
        box, shift = self.box(grid_thw), self.shift(grid_thw)
        query, key, value = (_fold(x, box, shift) for x in heads)
        mask = self._box_mask(grid_thw, frame_mask, query.device)
        if mask is not None:  # (B or 1, boxes, w, w) to one for each sequence
            mask = mask.expand(batch, -1, -1, -1).flatten(0, 1)[:, None]
        if self.positions is not None:
            mask = self.positions.add_to(mask, query, places(box, query.device))
        mixed = kernels.attend(query, key, value, mask, self.kernel)
        return _unfold(mixed, batch, grid_thw, box, shift)

    def _box_mask(self, grid: Grid, frame_mask: torch.Tensor | None, device: torch.device) -> torch.Tensor | None:
        """(B or 1, boxes, w, w) bool, or None where all of a box see all of it."""
        if frame_mask is None:
            kept: torch.Tensor | None = self.keep((grid, device), lambda: self._make_mask(grid, None, device))
            return kept
        return self._make_mask(grid, frame_mask, device)

    def _make_mask(self, grid: Grid, frame_mask: torch.Tensor | None, device: torch.device) -> torch.Tensor | None:
        pattern, box, shift = self.pattern(grid), self.box(grid), self.shift(grid)
        time = pattern.time.to(device)[None]
        if frame_mask is not None:
            time = time & frame_mask.reshape(-1, grid[0], grid[0])
        t, h, w = (
            _inside_boxes(relation.to(device), size, start)
            for relation, size, start in zip((time, pattern.height, pattern.width), box, shift, strict=True)
        )
        if t.all() and h.all() and w.all():
            return None
        t = t[:, :, None, None, :, None, None, :, None, None]  # (B or 1, boxes, 1, 1, query, 1, 1, key, 1, 1)
        h = h[None, :, None, None, :, None, None, :, None]
        w = w[None, :, None, None, :, None, None, :]
        return (t & h & w).flatten(7, 9).flatten(4, 6).flatten(1, 3)


def _boxes(grid: Grid, box: Grid) -> Grid:
    """Boxes along each axis, the last filled up."""
    time, height, width = (-(-extent // size) for extent, size in zip(grid, box, strict=True))
    return time, height, width


def _fold(x_bhtywd: torch.Tensor, box: Grid, shift: Grid) -> torch.Tensor:
    """(B, h, T, H, W, d) to (B boxes, h, tokens of a box, d)."""
    grid = (x_bhtywd.shape[2], x_bhtywd.shape[3], x_bhtywd.shape[4])
    boxes = _boxes(grid, box)
    missing = [n * size - extent for n, size, extent in zip(boxes, box, grid, strict=True)]
    if any(missing):
        x_bhtywd = functional.pad(x_bhtywd, (0, 0, 0, missing[2], 0, missing[1], 0, missing[0]))
    if any(shift):
        x_bhtywd = x_bhtywd.roll([-step for step in shift], dims=(2, 3, 4))
    (nt, nh, nw), (t, h, w) = boxes, box
    parts = x_bhtywd.unflatten(4, (nw, w)).unflatten(3, (nh, h)).unflatten(2, (nt, t))
    return parts.permute(0, 2, 4, 6, 1, 3, 5, 7, 8).flatten(5, 7).flatten(0, 3)


def _unfold(x_shld: torch.Tensor, batch: int, grid: Grid, box: Grid, shift: Grid) -> torch.Tensor:
    """Back to (B, h, T, H, W, d)."""
    (nt, nh, nw), (t, h, w), (time, height, width) = _boxes(grid, box), box, grid
    parts = x_shld.unflatten(2, (t, h, w)).unflatten(0, (batch, nt, nh, nw)).permute(0, 4, 1, 5, 2, 6, 3, 7, 8)
    whole = parts.flatten(6, 7).flatten(4, 5).flatten(2, 3)
    if any(shift):
        whole = whole.roll(list(shift), dims=(2, 3, 4))
    return whole[:, :, :time, :height, :width]


def _inside_boxes(relation: Relation, size: int, shift: int) -> Relation:
    """The relation among the places of each box: (..., boxes, size, size), False where a box holds no place."""
    extent = relation.shape[-1]
    boxes = -(-extent // size)
    order = torch.arange(boxes * size, device=relation.device).roll(-shift)
    real, order = order < extent, order.clamp(max=extent - 1)
    ordered = relation[..., order, :][..., order] & real[:, None] & real
    return ordered.unflatten(-1, (boxes, size)).unflatten(-3, (boxes, size)).diagonal(dim1=-4, dim2=-2).movedim(-1, -3)
