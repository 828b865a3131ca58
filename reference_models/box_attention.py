"""Attention inside boxes of the token grid, folded into short sequences: most patterns of video models."""

import math
from abc import abstractmethod

import torch

from vidgauge.reference_models.attention import Attention, Heads
from vidgauge.reference_models.attention_work import Work
from vidgauge.reference_models.boxes import Boxes
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.pattern import Relation


class BoxAttention(Attention):
    """Tokens see those in their box. Boxes may start inside the grid (a shift) and end after it (filled up, masked)."""

    @abstractmethod
    def box(self, grid: Grid) -> Grid:
        """Extents of a box.

        Raises:
            UsageError: where boxes of that size do not suit the grid.
        """

    def shift(self, grid: Grid) -> Grid:
        """How far the first whole box starts inside the grid along each axis; what lies before wraps around, masked."""
        del grid
        return 0, 0, 0

    def boxes(self, grid: Grid) -> Boxes:
        """The grid cut up."""
        return Boxes(grid, self.box(grid), self.shift(grid))

    def attend_folded(self, heads: Heads, frame_mask: torch.Tensor | None) -> torch.Tensor:
        """One sequence a box; a mask only where the pattern, padding or frames ask for one."""
        batch, *extents = heads[0].shape[:4]
        grid, device = (extents[0], extents[1], extents[2]), heads[0].device
        boxes = self.boxes(grid)
        query, key, value = (boxes.sequences(x) for x in heads)
        if frame_mask is None:
            mask = self.keep("boxes", (grid, batch, device), lambda: self._mask(grid, batch, None, device))
        else:
            mask = self._mask(grid, batch, frame_mask, device)
        if self.positions is not None:
            mask = self.positions.add_to(mask, query, self.offsets(boxes.size, device))
        return boxes.join(self.attend((query, key, value), mask))

    def folded_work(self, batch: int, grid: Grid) -> Work:
        """Whole boxes: each padded token counts as a query and as a key."""
        boxes = self.boxes(grid)
        filled, in_box, moved_in = batch * boxes.tokens, math.prod(boxes.size), boxes.moved_in(batch)
        sequences = filled // in_box
        masks = 0 if _all_see_all(self._relations(grid, None)) else sequences
        added, between = self.added(masks, sequences, in_box)
        viewed = self.kernel != "math" and not moved_in
        moved_out = boxes.moved_out(batch, heads_first=self.heads_first(in_box), viewed=viewed)
        return Work(
            queries=filled,
            keys=filled,
            pairs=filled * in_box,
            sequences=sequences,
            held=(filled, filled, filled) if moved_in else (0, 0, 0),
            moved=3 * moved_in + moved_out,
            output_copied=moved_out > 0,
            spare=boxes.spare(batch),
            rows=moved_in > 0 or boxes.in_order(batch),
            mask=masks * in_box**2,
            added=added,
            between=between,
        )

    def _relations(self, grid: Grid, frame_mask: torch.Tensor | None) -> tuple[Relation, Relation, Relation]:
        """The pattern inside the boxes along each axis: (B or 1, boxes, t, t), (boxes, h, h), (boxes, w, w)."""
        pattern, box, shift = self.pattern(grid), self.box(grid), self.shift(grid)
        time = pattern.time[None]
        if frame_mask is not None:
            time = time.to(frame_mask.device) & frame_mask.reshape(-1, grid[0], grid[0])
        relations = zip((time, pattern.height, pattern.width), box, shift, strict=True)
        t, h, w = (_inside_boxes(relation, size, start) for relation, size, start in relations)
        return t, h, w

    def _mask(
        self, grid: Grid, batch: int, frame_mask: torch.Tensor | None, device: torch.device
    ) -> torch.Tensor | None:
        """(B boxes, 1, w, w) bool, or None where all of a box see all of it."""
        relations = self._relations(grid, frame_mask)
        if _all_see_all(relations):
            return None
        t, h, w = (relation.to(device) for relation in relations)
        t = t[:, :, None, None, :, None, None, :, None, None]  # (B or 1, boxes, 1, 1, query, 1, 1, key, 1, 1)
        h = h[None, :, None, None, :, None, None, :, None]
        w = w[None, :, None, None, :, None, None, :]
        mask = (t & h & w).flatten(7, 9).flatten(4, 6).flatten(1, 3)
        return mask.expand(batch, -1, -1, -1).flatten(0, 1)[:, None]


def _all_see_all(relations: tuple[Relation, Relation, Relation]) -> bool:
    return all(bool(relation.all()) for relation in relations)


def _inside_boxes(relation: Relation, size: int, shift: int) -> Relation:
    """The relation among the places of each box: (..., boxes, size, size).

    Places that fill up the last box see each other and nothing else: no kernel meets a query without keys.
    """
    extent = relation.shape[-1]
    boxes = -(-extent // size)
    order = torch.arange(boxes * size, device=relation.device).roll(-shift)
    real, order = order < extent, order.clamp(max=extent - 1)
    ordered = relation[..., order, :][..., order]
    ordered = torch.where(real[:, None] & real, ordered, ~real[:, None] & ~real)
    blocks = ordered.reshape(*ordered.shape[:-2], boxes, size, boxes, size)
    return blocks.diagonal(dim1=-4, dim2=-2).movedim(-1, -3)
