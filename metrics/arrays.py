"""Arrays as the statistics take them: real numbers in float64, of the right shape, and finite."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidgauge.errors import UsageError

if TYPE_CHECKING:
    from vidgauge.metrics.statistic import Rows

Array = NDArray[np.float64]

_BLOCK = 2**23
"""Bytes that a block of samples takes in float64, or one sample: little, and enough for BLAS to be at its best."""

LARGEST = float(np.finfo(np.float32).max)
"""What a network can say; larger numbers would overflow in the powers that the statistics take."""


def checked(values: ArrayLike, what: str, rank: int, largest: float = LARGEST) -> Array:
    """The values in float64, or a UsageError that names them: wrong rank, not real, not finite, or too large.

    Tensors of torch may have any dtype, lie on any device and require gradients. What was given is not changed.
    """
    array = _numbers(values, what)
    if array.ndim != rank:
        raise UsageError(f"{what} must have {rank} axes; the shape is {array.shape}")
    extreme = max(array.max(), -array.min()) if array.size else 0.0  # either is NaN if any number is
    if not np.isfinite(extreme):
        raise UsageError(f"{what} hold NaN or infinity; check what made them")
    if extreme > largest:
        raise UsageError(f"{what} hold {extreme:.2g}; no more than {largest:.2g} can be computed with")
    return array


class CheckedRows:
    """Samples that are read part by part, each part checked and in float64 as `checked` has it.

    Args:
        values: an array, a tensor, nested lists, or `Rows` that lie on a disk; the first axis is the samples.
        what: what errors call them.
        rank: how many axes they have.

    Raises:
        UsageError: for another rank; when a part is read, for one that is not real, not finite, or too large.
    """

    def __init__(self, values: "ArrayLike | Rows", what: str, rank: int) -> None:
        self._rows: Any = values if hasattr(values, "shape") else _numbers(values, what)
        self._what = what
        self.shape: tuple[int, ...] = tuple(self._rows.shape)
        if len(self.shape) != rank:
            raise UsageError(f"{what} must have {rank} axes; the shape is {self.shape}")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: slice) -> Array:
        return checked(self._rows[part], self._what, len(self.shape))

    def take(self, chosen_n: NDArray[np.intp]) -> Array:
        """Samples by their numbers, in that order."""
        if isinstance(self._rows, np.ndarray):
            return checked(self._rows[chosen_n], self._what, len(self.shape))
        found = np.empty((len(chosen_n), *self.shape[1:]))
        for place in np.argsort(chosen_n, kind="stable"):  # in their own order, which is how a disk is read
            found[place] = _numbers(self._rows[chosen_n[place] : chosen_n[place] + 1], self._what)[0]
        return checked(found, self._what, len(self.shape))

    def check(self) -> None:
        """Read all of it, for its errors."""
        for _ in self.blocks():
            pass

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """All samples in parts of one size, 8 MiB each: where a part lies, and what is there."""
        size = max(1, _BLOCK // max(1, 8 * math.prod(self.shape[1:])))
        for start in range(0, len(self), size):
            part = slice(start, min(start + size, len(self)))
            yield part, self[part]


def checked_row_pair(a_nd: "ArrayLike | Rows", b_nd: "ArrayLike | Rows") -> tuple[CheckedRows, CheckedRows]:
    """Two sets of features, (N, D) and (M, D) with one D that is at least 1, to be read part by part."""
    a, b = CheckedRows(a_nd, "features", 2), CheckedRows(b_nd, "features", 2)
    if a.shape[1] != b.shape[1]:
        raise UsageError(f"features have {a.shape[1]} and {b.shape[1]} dimensions; they must have the same number")
    if a.shape[1] == 0:
        raise UsageError("features have no dimensions; they need at least one")
    return a, b


def checked_counts(counts: ArrayLike | None, n: int) -> Array:
    """How often each of n samples counts: once where nothing is said."""
    if counts is None:
        return np.ones(n)
    array = checked(counts, "counts", 1)
    if len(array) != n or (array < 0).any() or not array.any():
        raise UsageError(f"counts must be {n} numbers, one a sample, at least 0 and not all 0; they are not")
    return array


def equal_parts(n: int, parts: int) -> list[slice]:
    """Contiguous parts of n samples, of one size but for rounding, which is that of published code."""
    return [slice(start, end) for start, end in pairwise(part * n // parts for part in range(parts + 1))]


def _numbers(values: Any, what: str) -> Array:  # noqa: ANN401 - whatever a caller takes for an array
    try:
        # numpy knows neither bfloat16 nor other devices nor gradients.
        array = np.asarray(values.detach().cpu().double() if hasattr(values, "detach") else values)
    except ValueError as error:
        raise UsageError(f"{what} must be an array of numbers; numpy cannot make one of what was given") from error
    if array.dtype.kind not in "biuf":
        raise UsageError(f"{what} must be real numbers; their dtype is {array.dtype}")
    return array.astype(np.float64, copy=False)
