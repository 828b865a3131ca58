"""Which tokens see which: patterns of attention that are products of one relation along each axis.

Frames, boxes, tiles, neighbourhoods and causality all are: a token sees another exactly if they agree along time, along
height and along width. So three small matrices say everything about a grid of any size: its mask, how many pairs are
visited, and how many blocks of tokens a block-sparse kernel must compute.
"""

import math
from dataclasses import dataclass
from itertools import product

import torch

from vidgauge.reference_models.cost import Grid

Relation = torch.Tensor
"""(L, L) bool: whether the query at the first place sees the key at the second."""


def everything(extent: int) -> Relation:
    """All places see all."""
    return torch.ones(extent, extent, dtype=torch.bool)


def itself(extent: int) -> Relation:
    """Each place sees itself alone."""
    return torch.eye(extent, dtype=torch.bool)


def same_box(extent: int, size: int, shift: int = 0) -> Relation:
    """Places see those in the same run of ``size``. With a shift, the first has that many; the last may be short."""
    box = (torch.arange(extent) + size - shift) // size
    return box[:, None] == box


def up_to_now(extent: int) -> Relation:
    """Each place sees itself and those before it."""
    return everything(extent).tril()


def within(extent: int, distance: int) -> Relation:
    """Each place sees those at most so far away, fewer at the ends: a frame mask for temporal attention."""
    places = torch.arange(extent)
    return (places[:, None] - places).abs() <= distance


def clip_and_images(frames: int, images: int) -> Relation:
    """The first places see each other, each of the last sees itself alone.

    The frame mask with which a video and the images appended to it are trained together (Ho et al., arXiv 2204.03458,
    section 3).
    """
    together = itself(frames + images)
    together[:frames, :frames] = True
    return together


def around(extent: int, size: int) -> Relation:
    """Each place sees the ``size`` nearest, itself in the middle; at the ends the run moves inwards.

    An even run reaches one place further back. Hassani et al., Neighborhood Attention Transformer (arXiv 2204.07143),
    section 3.1.
    """
    assert 1 <= size <= extent
    places = torch.arange(extent)
    start = (places - size // 2).clamp(0, extent - size)[:, None]
    return (places >= start) & (places < start + size)


def enlarged(relation: Relation, size: int) -> Relation:
    """The relation of runs of ``size`` places: all of a run see what the run sees."""
    return relation.repeat_interleave(size, 0).repeat_interleave(size, 1)


@dataclass(frozen=True)
class Pattern:
    """A token (t, y, x) sees (t', y', x') exactly if all three relations hold. Tokens are numbered row by row."""

    time: Relation
    height: Relation
    width: Relation

    @property
    def axes(self) -> tuple[Relation, Relation, Relation]:
        """The three relations."""
        return self.time, self.height, self.width

    @property
    def grid(self) -> Grid:
        """Extents along time, height and width."""
        return len(self.time), len(self.height), len(self.width)

    def pairs(self) -> int:
        """Pairs of query and key that see each other."""
        return math.prod(int(axis.sum()) for axis in self.axes)

    def mask(self, device: torch.device | None = None) -> torch.Tensor:
        """All of it: (N, N) bool, True where the query (first) sees the key (second)."""
        (t, h, w), tokens = (axis.to(device) for axis in self.axes), math.prod(self.grid)
        full = t[:, None, None, :, None, None] & h[None, :, None, None, :, None] & w[None, None, :, None, None, :]
        return full.reshape(tokens, tokens)

    def of_tiles(self, tile: Grid) -> tuple["Pattern", "Pattern"]:
        """Which tiles of tokens see anything of which, and which see all of which; the last tiles may be ragged."""
        some, every = zip(*map(_of_runs, self.axes, tile), strict=True)
        return Pattern(*some), Pattern(*every)

    def computed_pairs(self, tile: Grid) -> int:
        """Pairs that a kernel visits if it computes each block of tile and tile in which one pair sees each other."""
        some, _ = self.of_tiles(tile)
        return some.pairs() * math.prod(tile) ** 2

    def best_tile(self, tokens: int) -> Grid:
        """The box of so many tokens (a power of two) for which the fewest pairs are computed; ties go to wide boxes."""
        powers = [2**exponent for exponent in range(tokens.bit_length())]
        boxes = [box for box in product(powers, repeat=3) if math.prod(box) == tokens]
        return min(boxes, key=self.computed_pairs)


def _of_runs(relation: Relation, size: int) -> tuple[Relation, Relation]:
    """The relation cut into runs: whether a run sees any of another, and whether all see all."""
    extent = len(relation)
    runs = -(-extent // size)
    padded = torch.zeros(runs * size, runs * size, dtype=torch.bool)
    padded[:extent, :extent] = relation
    blocks = padded.view(runs, size, runs, size).transpose(1, 2).flatten(2)
    return blocks.any(2), blocks.all(2)
