"""Patterns as products of axis relations against masks made pair by pair, and blocks against cut-up masks."""

import math
from itertools import product

import pytest
import torch

from vidgauge.reference_models import pattern
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.pattern import Pattern

GRID = (3, 4, 5)


def some_pattern() -> Pattern:
    generator = torch.Generator().manual_seed(0)
    time, height, width = (torch.rand(extent, extent, generator=generator) < 0.5 for extent in GRID)
    return Pattern(time, height, width)


def test_a_token_sees_another_if_all_three_axes_agree() -> None:
    ours = some_pattern()
    tokens = list(product(*map(range, GRID)))
    for (number, query), (other, key) in product(enumerate(tokens), enumerate(tokens)):
        agree = all(axis[a, b] for axis, a, b in zip(ours.axes, query, key, strict=True))
        assert bool(ours.mask()[number, other]) == agree
    assert ours.pairs() == ours.mask().sum()
    assert ours.grid == GRID


@pytest.mark.parametrize(
    ("relation", "rows"),
    [
        (pattern.everything(3), ["111", "111", "111"]),
        (pattern.itself(3), ["100", "010", "001"]),
        (pattern.same_box(5, 2), ["11000", "11000", "00110", "00110", "00001"]),
        (pattern.same_box(5, 3, 1), ["10000", "01110", "01110", "01110", "00001"]),
        (pattern.same_box(4, 2, 0), ["1100", "1100", "0011", "0011"]),
        (pattern.up_to_now(3), ["100", "110", "111"]),
        (pattern.within(4, 1), ["1100", "1110", "0111", "0011"]),
        (pattern.clip_and_images(2, 2), ["1100", "1100", "0010", "0001"]),
        (pattern.clip_and_images(0, 2), ["10", "01"]),
        (pattern.around(5, 3), ["11100", "11100", "01110", "00111", "00111"]),
        (pattern.around(4, 2), ["1100", "1100", "0110", "0011"]),  # an even run reaches one further back
        (pattern.around(3, 3), ["111", "111", "111"]),
        (pattern.enlarged(pattern.up_to_now(2), 2), ["1100", "1100", "1111", "1111"]),
    ],
)
def test_relations(relation: torch.Tensor, rows: list[str]) -> None:
    assert ["".join("01"[int(sees)] for sees in row) for row in relation] == rows


def tile_of(token: tuple[int, ...], tile: Grid) -> tuple[int, ...]:
    return tuple(place // size for place, size in zip(token, tile, strict=True))


@pytest.mark.parametrize("tile", [(1, 2, 2), (2, 4, 1), (3, 4, 5), (2, 3, 4), (4, 8, 8)])
def test_blocks_are_those_of_the_cut_up_mask(tile: Grid) -> None:
    ours = some_pattern()
    tokens = list(product(*map(range, GRID)))
    seen: dict[object, list[bool]] = {}
    for (number, query), (other, key) in product(enumerate(tokens), enumerate(tokens)):
        seen.setdefault((tile_of(query, tile), tile_of(key, tile)), []).append(bool(ours.mask()[number, other]))
    some, every = ours.of_tiles(tile)
    assert some.pairs() == sum(map(any, seen.values()))
    volume = math.prod(tile) ** 2
    assert every.pairs() == sum(all(pairs) and len(pairs) == volume for pairs in seen.values())  # ragged tiles never
    assert ours.computed_pairs(tile) == some.pairs() * volume


def test_the_best_tile_computes_the_fewest_pairs() -> None:
    time, height, width = pattern.itself(8), pattern.everything(6), pattern.same_box(12, 4)
    ours = Pattern(time, height, width)
    best = ours.best_tile(32)
    assert math.prod(best) == 32
    powers = (1, 2, 4, 8, 16, 32)
    boxes = [(t, h, w) for t, h, w in product(powers, powers, powers) if t * h * w == 32]
    assert ours.computed_pairs(best) == min(map(ours.computed_pairs, boxes))
    assert Pattern(pattern.itself(16), pattern.everything(8), pattern.everything(16)).best_tile(128) == (1, 8, 16)
    assert Pattern(pattern.everything(128), pattern.itself(2), pattern.itself(3)).best_tile(128) == (128, 1, 1)


def test_published_shares_of_blocks() -> None:
    """Zhang et al., arXiv 2502.04507, table 1: tiles of 4 x 4 x 4 in 48 x 48 x 48.

    Theirs hold far from the edges. There a window of 11 touches t = 2 ceil(r / 4) + 1 tiles along an axis, r = 5, and
    sees e = 2 floor((r + 1) / 4) - 1 in full. At the edges, where ours moves inwards, it touches 3 or 4.
    """
    near = pattern.around(48, 11)
    some, every = Pattern(near, near, near).of_tiles((4, 4, 4))
    assert [int(axis[6].sum()) for axis in some.axes] == [5, 5, 5]
    assert [int(axis[6].sum()) for axis in every.axes] == [1, 1, 1]
    tiles = 12**3
    for count, share in ((5**3, 7.23), (1, 0.06)):
        assert 100 * count / tiles == pytest.approx(share, abs=0.005)
    assert {int(count) for count in some.time.sum(1)} == {3, 4, 5}
    for window, share in ((12, 1.56), (20, 7.23)):  # sliding tiles: all dense, at the edges too
        axis = pattern.enlarged(pattern.around(12, window // 4), 4)
        some, every = Pattern(axis, axis, axis).of_tiles((4, 4, 4))
        assert torch.equal(some.time, every.time)
        assert 100 * some.pairs() / tiles**2 == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize(("extent", "size"), [(7, 3), (9, 5), (16, 9), (5, 1)])
def test_windows_cut_off_at_the_edges_would_hold_fewer_pairs(extent: int, size: int) -> None:
    """Clamped: L k along an axis. Cut off: k L - (k^2 - 1) / 4."""
    assert pattern.around(extent, size).sum() == extent * size
    assert pattern.within(extent, size // 2).sum() == size * extent - (size**2 - 1) // 4
