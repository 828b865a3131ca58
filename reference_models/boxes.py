"""A grid of tokens cut into boxes of one size, shifted and filled up where need be, and put together again."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch.nn import functional

from vidgauge.reference_models.cost import Grid


@dataclass(frozen=True)
class Boxes:
    """Boxes of ``size`` that tile the grid, filled up with zeros at its ends and rolled back by ``shift`` places.

    Liu et al., Swin Transformer (arXiv 2103.14030), section 3.2 and figure 4: padding, then a cyclic shift.
    """

    grid: Grid
    size: Grid
    shift: Grid = (0, 0, 0)

    @property
    def counts(self) -> Grid:
        """Boxes along each axis."""
        time, height, width = (-(-extent // size) for extent, size in zip(self.grid, self.size, strict=True))
        return time, height, width

    @property
    def filled(self) -> Grid:
        """The grid filled up to whole boxes."""
        time, height, width = (count * size for count, size in zip(self.counts, self.size, strict=True))
        return time, height, width

    @property
    def tokens(self) -> int:
        """Tokens of the grid filled up."""
        return math.prod(self.filled)

    def cut(self, x_bthw: torch.Tensor) -> torch.Tensor:
        """(B, T, H, W, ...) to (B, n_t, n_h, n_w, t, h, w, ...); a view where nothing is filled up or shifted."""
        missing = [full - extent for full, extent in zip(self.filled, self.grid, strict=True)]
        if any(missing):
            rest = (0, 0) * (x_bthw.ndim - 4)
            x_bthw = functional.pad(x_bthw, (*rest, 0, missing[2], 0, missing[1], 0, missing[0]))
        for axis, step in enumerate(self.shift, start=1):
            if step:  # axis by axis, as torch does it inside: each is a copy
                x_bthw = x_bthw.roll(-step, axis)
        (nt, nh, nw), (t, h, w) = self.counts, self.size
        boxes = x_bthw.view(len(x_bthw), nt, t, nh, h, nw, w, *x_bthw.shape[4:])
        return boxes.permute(0, 1, 3, 5, 2, 4, 6, *range(7, boxes.ndim))

    def sequences(self, x_bthw: torch.Tensor) -> torch.Tensor:
        """(B, T, H, W, heads, d) to one sequence for each box: (B boxes, t h w, heads, d)."""
        boxes = self.cut(x_bthw)
        return boxes.reshape(-1, math.prod(self.size), *boxes.shape[7:])

    def join(self, x_sld: torch.Tensor) -> torch.Tensor:
        """(B boxes, t h w, heads, d), or (B, N', heads, d), to (B, T, H, W, C), without what filled up the grid."""
        boxes = x_sld.reshape(-1, *self.counts, *self.size, *x_sld.shape[-2:])
        whole = boxes.permute(0, 1, 4, 2, 5, 3, 6, 7, 8).reshape(-1, *self.filled, math.prod(x_sld.shape[-2:]))
        for axis, step in enumerate(self.shift, start=1):
            if step:
                whole = whole.roll(step, axis)
        time, height, width = self.grid
        return whole[:, :time, :height, :width].contiguous()

    def moved_in(self, batch: int, *, whole: bool = False) -> int:
        """Tokens that ``cut``, and what flattens its boxes, read and write: 0 where all of it is a view.

        Args:
            batch: clips.
            whole: whether all boxes of a clip become one sequence, instead of a sequence each.
        """
        numbers, places = self._axes(batch)
        groups = [[*numbers[1:], *places]] if whole else [numbers, places]
        filling = (math.prod(self.grid) + self.tokens) * (self.filled != self.grid)
        rolls = 2 * self.tokens * sum(map(bool, self.shift))
        return batch * (filling + rolls + 2 * self.tokens * (not all(map(_merge, groups))))

    def in_order(self, batch: int) -> bool:
        """Whether the tokens, box after box, lie in the order of the grid."""
        numbers, places = self._axes(batch)
        return _merge([*numbers, *places])

    def moved_out(self, batch: int, *, heads_first: bool, viewed: bool) -> int:
        """Tokens that ``join`` reads and writes.

        Args:
            batch: clips.
            heads_first: whether the kernel gives head after head instead of token after token.
            viewed: whether its queries are a view of the grid, in the order of which a fused kernel writes its output.
        """
        if viewed:
            return 0
        strides = _strides((*self.counts, *self.size))
        outer, inner = zip(self.counts, strides[:3], strict=True), zip(self.size, strides[3:], strict=True)
        regrouped = heads_first or not all(map(_merge, zip(outer, inner, strict=True)))
        steps = regrouped + sum(map(bool, self.shift))
        last = not (self._crop_is_view(batch) and (steps or self.in_order(batch)))
        return 2 * batch * self.tokens * steps + 2 * batch * math.prod(self.grid) * last

    def spare(self, batch: int) -> int:
        """Tokens that fill up the grid and stay in memory with what ``join`` gives, where that is a view."""
        return batch * (self.tokens - math.prod(self.grid)) * self._crop_is_view(batch)

    def _crop_is_view(self, batch: int) -> bool:
        """Whether the grid lies in the filled grid without gaps."""
        return _merge(list(zip((batch, *self.grid), _strides((batch, *self.filled)), strict=True)))

    def _axes(self, batch: int) -> tuple[list["Axis"], list["Axis"]]:
        """Extents and strides, in tokens, of the boxes and of the places in a box as they lie in the filled grid."""
        outer, *inner = _strides((batch, *self.filled))
        boxes = [(n, size * stride) for n, size, stride in zip(self.counts, self.size, inner, strict=True)]
        return [(batch, outer), *boxes], list(zip(self.size, inner, strict=True))


Axis = tuple[int, int]
"""Extent and stride."""


def _strides(extents: Sequence[int]) -> list[int]:
    return [math.prod(extents[axis + 1 :]) for axis in range(len(extents))]


def _merge(axes: Sequence[Axis]) -> bool:
    """Whether neighbouring axes become one without a copy: each steps over the whole of the next."""
    longer = [(extent, stride) for extent, stride in axes if extent > 1]
    return all(outer == extent * stride for (_, outer), (extent, stride) in pairwise(longer))
