"""Samples that are read part by part: what is read, and what is refused, is the same as in one piece."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vidgauge.errors import UsageError
from vidgauge.metrics import arrays
from vidgauge.metrics.arrays import CheckedRows, checked, checked_row_pair


class OnDisk:
    """Rows that are read in slices alone."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array
        self.shape = array.shape
        self.read: list[int] = []

    def __getitem__(self, part: slice) -> NDArray[Any]:
        assert isinstance(part, slice)
        self.read.append(len(self._array[part]))
        return self._array[part]

    def __array__(self) -> NDArray[Any]:
        raise AssertionError("not all at once")


@pytest.mark.parametrize("form", ["array", "tensor", "list", "disk"])
def test_blocks_are_the_whole(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_BLOCK", 8 * 6 * 3)  # three samples
    whole = np.random.default_rng(0).normal(size=(11, 2, 3)).astype(np.float32)
    given: Any = {"array": whole, "tensor": torch.tensor(whole, requires_grad=True), "list": whole.tolist()}.get(
        form, OnDisk(whole)
    )
    rows = CheckedRows(given, "features", 3)
    assert (len(rows), rows.shape) == (11, (11, 2, 3))
    parts = list(rows.blocks())
    assert [(part.start, part.stop) for part, _ in parts] == [(0, 3), (3, 6), (6, 9), (9, 11)]
    assert all(block.dtype == np.float64 for _, block in parts)
    assert (np.concatenate([block for _, block in parts]) == whole).all()
    assert (rows[2:4] == whole[2:4]).all()
    assert (rows.take(np.array([5, 0, 10, 5])) == whole[[5, 0, 10, 5]]).all()
    if form == "disk":
        assert max(given.read) == 3


def test_a_block_is_8_mib_or_one_sample_and_of_no_samples_there_is_none() -> None:
    of_one_kib = CheckedRows(np.broadcast_to(np.float32(0), (10000, 128)), "features", 2)
    assert [len(block) for _, block in of_one_kib.blocks()] == [8192, 1808]
    too_large = CheckedRows(np.broadcast_to(np.float32(0), (2, 2**21)), "features", 2)
    assert [len(block) for _, block in too_large.blocks()] == [1, 1]
    assert list(CheckedRows(np.zeros((0, 4)), "features", 2).blocks()) == []
    assert [block.shape for _, block in CheckedRows(np.zeros((2, 0)), "features", 2).blocks()] == [(2, 0)]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e39, 1j, "x"])
def test_a_bad_part_is_refused_as_the_whole_is(bad: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    monkeypatch.setattr(arrays, "_BLOCK", 8 * 2 * 3)
    whole = np.zeros((8, 2)).astype(np.asarray(bad).dtype)
    whole[7, 1] = bad
    with pytest.raises(UsageError) as in_one_piece:
        checked(whole, "features", 2)
    for given in (whole, OnDisk(whole)):
        with pytest.raises(UsageError) as in_parts:
            list(CheckedRows(given, "features", 2).blocks())
        assert str(in_parts.value) == str(in_one_piece.value)


def test_shapes_are_refused_before_anything_is_read() -> None:
    on_disk = OnDisk(np.zeros((4, 3)))
    with pytest.raises(UsageError, match=r"features must have 3 axes; the shape is \(4, 3\)"):
        CheckedRows(on_disk, "features", 3)
    with pytest.raises(UsageError, match="3 and 4 dimensions"):
        checked_row_pair(on_disk, np.zeros((2, 4)))
    with pytest.raises(UsageError, match="no dimensions"):
        checked_row_pair(np.zeros((2, 0)), np.zeros((2, 0)))
    with pytest.raises(UsageError, match="must be an array of numbers"):
        CheckedRows([[1, 2], [3]], "features", 2)
    assert on_disk.read == []
