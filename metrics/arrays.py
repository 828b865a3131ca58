"""Arrays as the statistics take them: real numbers in float64, of the right shape, and finite."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidgauge.errors import UsageError

Array = NDArray[np.float64]

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


def checked_pair(a_nd: ArrayLike, b_nd: ArrayLike) -> tuple[Array, Array]:
    """Two sets of features, (N, D) and (M, D) with one D that is at least 1."""
    a, b = checked(a_nd, "features", 2), checked(b_nd, "features", 2)
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
