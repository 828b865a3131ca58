"""Grids cut into boxes and put together again, against indexing token by token."""

from itertools import product

import pytest
import torch

from vidgauge.reference_models.boxes import Boxes
from vidgauge.reference_models.cost import Grid

CASES: list[tuple[Grid, Grid, Grid]] = [
    ((4, 4, 6), (4, 4, 6), (0, 0, 0)),
    ((4, 4, 6), (2, 2, 3), (0, 0, 0)),
    ((4, 4, 6), (1, 4, 6), (0, 0, 0)),
    ((4, 4, 6), (4, 1, 1), (0, 0, 0)),
    ((4, 4, 6), (2, 2, 2), (1, 1, 1)),
    ((3, 5, 7), (2, 3, 4), (1, 0, 2)),
    ((3, 5, 7), (2, 8, 1), (0, 0, 0)),
]


@pytest.mark.parametrize(("grid", "size", "shift"), CASES)
def test_sequences_hold_the_boxes_token_by_token(grid: Grid, size: Grid, shift: Grid) -> None:
    boxes = Boxes(grid, size, shift)
    x = torch.arange(1.0, 1 + 2 * grid[0] * grid[1] * grid[2] * 6).view(2, *grid, 3, 2)  # no zero: those fill up
    expected = []
    for batch, *box in product(range(2), *map(range, boxes.counts)):
        for place in product(*map(range, size)):
            rolled = [n * s + p for n, s, p in zip(box, size, place, strict=True)]
            where = [(r + step) % full for r, step, full in zip(rolled, shift, boxes.filled, strict=True)]
            inside = all(w < extent for w, extent in zip(where, grid, strict=True))
            expected.append(x[(batch, *where)] if inside else torch.zeros(3, 2))
    sequences = boxes.sequences(x)
    assert torch.equal(sequences.flatten(0, 1), torch.stack(expected))
    assert torch.equal(boxes.join(sequences), x.flatten(4))


def test_boxes_are_views_where_they_can_be() -> None:
    x = torch.zeros(2, 4, 4, 6, 3, 2)
    for size, viewed in (
        ((1, 4, 6), True),
        ((2, 4, 6), True),
        ((4, 1, 1), False),
        ((1, 2, 6), True),
        ((1, 4, 3), False),
    ):
        boxes = Boxes((4, 4, 6), size)
        shares = boxes.sequences(x).untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
        assert shares == viewed == (boxes.moved_in(2) == 0)
        one = boxes.sequences(x[:1]).untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
        assert one == (boxes.moved_in(1) == 0)


def test_copies_of_a_shifted_and_filled_grid_by_hand() -> None:
    boxes = Boxes((3, 4, 6), (2, 4, 4), (1, 0, 2))
    filled, real = 4 * 4 * 8, 3 * 4 * 6
    assert boxes.tokens == filled
    assert boxes.moved_in(1) == (real + filled) + 2 * 2 * filled + 2 * filled  # fill up, roll twice, regroup
    assert boxes.moved_out(1, heads_first=False, viewed=False) == 2 * filled + 2 * 2 * filled + 2 * real  # ..., crop
    assert boxes.spare(1) == 0
    frames = Boxes((3, 4, 6), (4, 4, 6))
    assert frames.moved_out(1, heads_first=False, viewed=False) == 0  # the first frames of one clip lie together
    assert frames.spare(1) == 24
    assert frames.moved_out(2, heads_first=False, viewed=False) == 2 * 2 * real
