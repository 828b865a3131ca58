"""The kernel distance: squared maximum mean discrepancy with a polynomial kernel.

Bińkowski et al., arXiv 1801.01401, equation 4, for images (KID); Unterthiner et al., arXiv 1812.01717, for video (KVD).
"""

from collections.abc import Iterator
from functools import cached_property
from threading import Lock
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidgauge.errors import UsageError, near_misses
from vidgauge.metrics.arrays import Array, CheckedRows, checked_counts, checked_row_pair
from vidgauge.metrics.means import Mean
from vidgauge.metrics.statistic import Rows

Estimator = Literal["unbiased", "biased"]
"""Whether pairs of a sample with itself are left out (KVD, KID: expectation 0 for equal distributions) or in (JEDi)."""

_TILE = 512
"""Samples on a side of the part of a kernel matrix that is held at once: it stays in the cache."""


def kernel_distance(
    a_nd: ArrayLike | Rows,
    b_nd: ArrayLike | Rows,
    *,
    degree: int = 3,
    gamma: float | None = None,
    coef0: float = 1.0,
    estimator: Estimator = "unbiased",
) -> float:
    """MMD^2 between two sets of features under the kernel ``(gamma <x, y> + coef0) ** degree``, over all their pairs.

    Args:
        a_nd: (N, D) features, any real dtype; computed in float64. ``b_nd`` is (M, D). N and M are at least 2. They may
            lie on a disk, and are then read tile by tile.
        degree: of the polynomial, at least 1.
        gamma: scale of the inner product; 1/D if not given.
        coef0: constant of the polynomial.
        estimator: ``unbiased``, or ``biased`` upwards by the pairs of samples with themselves.

    Returns:
        The distance. If unbiased, its expectation is 0 for equal distributions, so it may be negative. Kernel matrices
        are summed tile by tile: memory does not grow with the number of pairs.

    Raises:
        UsageError: for wrong shapes, NaN or infinity, fewer than two samples in a set, or an unknown estimator.
    """
    return KernelDistance(a_nd, b_nd, degree=degree, gamma=gamma, coef0=coef0, estimator=estimator)()


def kernel_distances_of_subsets(
    a_nd: ArrayLike | Rows,
    b_nd: ArrayLike | Rows,
    *,
    subsets: int = 100,
    size: int = 1000,
    seed: int = 2020,
    degree: int = 3,
    gamma: float | None = None,
    coef0: float = 1.0,
) -> Array:
    """Unbiased MMD^2 between random subsets of two sets, as the kernel inception distance is published.

    The mean over subsets is the KID. It estimates the same as `kernel_distance` does from all pairs, with more noise;
    the standard deviation over subsets says how much ``size`` samples scatter, not how sure the mean is.

    Args:
        a_nd: (N, D) features; ``b_nd`` is (M, D).
        subsets: how many.
        size: samples of each set in a subset, drawn without replacement.
        seed: of NumPy's legacy generator, which draws from a, then from b: torch-fidelity's subsets. clean-fid draws
            the same ones after ``numpy.random.seed(seed)``, from its second set first.
        degree: of the polynomial.
        gamma: scale of the inner product; 1/D if not given.
        coef0: constant of the polynomial.

    Returns:
        (subsets,) distances.

    Raises:
        UsageError: as `kernel_distance`, or for sets smaller than a subset.
    """
    a, b = checked_row_pair(a_nd, b_nd)
    if not 2 <= size <= min(len(a), len(b)):
        raise UsageError(f"subsets of {size} samples need at least 2 and as many in each set ({len(a)} and {len(b)})")
    if subsets < 1:
        raise UsageError(f"at least one subset is needed; there are {subsets}")
    for rows in (a, b):
        rows.check()  # also of what is never drawn
    generator = np.random.RandomState(seed)
    drawn = ([x.take(generator.choice(len(x), size, replace=False)) for x in (a, b)] for _ in range(subsets))
    return np.array([kernel_distance(*sets, degree=degree, gamma=gamma, coef0=coef0) for sets in drawn])


class KernelDistance:
    """The distance as a function of how often each sample counts.

    The value and the influences need one sum of kernels a sample. What is counted needs sums for each pair of groups,
    G x G of them, which are made when first asked for.

    Args:
        a_nd: (N, D) features; ``b_nd`` is (M, D).
        groups_a: (N,) names of the groups (such as the files that clips were cut from) whose samples always count
            alike; each sample is one of its own if not given. ``groups_b`` likewise.
        degree: as `kernel_distance`, like what follows.
    """

    def __init__(
        self,
        a_nd: ArrayLike | Rows,
        b_nd: ArrayLike | Rows,
        groups_a: ArrayLike | None = None,
        groups_b: ArrayLike | None = None,
        *,
        degree: int = 3,
        gamma: float | None = None,
        coef0: float = 1.0,
        estimator: Estimator = "unbiased",
    ) -> None:
        a, b = checked_row_pair(a_nd, b_nd)
        if min(len(a), len(b)) < 2:
            raise UsageError(f"a kernel distance needs 2 samples a set; there are {len(a)} and {len(b)}")
        if degree < 1:
            raise UsageError(f"the kernel's degree must be at least 1; it is {degree}")
        if estimator not in get_args(Estimator):
            raise UsageError(f"no estimator {estimator!r}; {near_misses(str(estimator), list(get_args(Estimator)))}")
        self._estimator = estimator
        self._a, self._b = _Grouped(a, groups_a), _Grouped(b, groups_b)
        self._kernel = _Polynomial(degree, 1 / a.shape[1] if gamma is None else gamma, coef0)
        self._making = Lock()

    def __call__(self, *counts: ArrayLike) -> float:
        """The distance when sample i of the first set counts ``counts[0][i]`` times, and so on; once if none are given.

        Raises:
            UsageError: for counts that do not fit, or differ within a group; fewer than two samples that count.
        """
        a, b = self._a, self._b
        if not counts:
            within = sum(self._mean(sums.sum(), diagonal.sum(), len(sums)) for sums, diagonal in self._within)
            return within - 2 * self._across[0]()
        of_a, of_b = (x.counts(of_set) for x, of_set in zip((a, b), counts, strict=True))
        with self._making:  # by one of the threads that replicates are computed in, for all
            sums_aa, sums_bb, sums_ab = self._group_sums
        within = 0.0
        for x, c, sums, diagonal_n in zip((a, b), (of_a, of_b), (sums_aa, sums_bb), self._diagonals, strict=True):
            within += self._mean(float(c @ sums @ c), float(c @ x.summed(diagonal_n)), float(c @ x.sizes))
        return within - 2 * float(of_a @ sums_ab @ of_b) / float((of_a @ a.sizes) * (of_b @ b.sizes))

    def influences(self) -> tuple[Array, Array]:
        """The derivative by each sample's count, from the same sums as the value."""
        in_a, in_b = (
            self._slope(*within) - 2 * across.influences()[0]
            for within, across in zip(self._within, self._across, strict=True)
        )
        return in_a, in_b

    def _mean(self, total: float, itself: float, n: float) -> float:
        """Mean over the ordered pairs of one set."""
        if self._estimator == "biased":
            return float(total / n**2)
        if n < 2:
            raise UsageError("an unbiased kernel distance needs 2 samples a set; fewer are counted")
        # A sample that counts twice is two draws: their pair with each other stays, each draw's with itself goes.
        return float((total - itself) / (n * (n - 1)))

    def _slope(self, sums_n: Array, diagonal_n: Array) -> Array:
        """Of `_mean`, by the count of each sample."""
        n, mean = len(sums_n), self._mean(sums_n.sum(), diagonal_n.sum(), len(sums_n))
        if self._estimator == "biased":
            return 2 * (sums_n / n - mean) / n
        return np.asarray((2 * sums_n - diagonal_n - (2 * n - 1) * mean) / (n * (n - 1)))

    @cached_property
    def _diagonals(self) -> tuple[Array, Array]:
        return self._kernel.diagonal(self._a.rows), self._kernel.diagonal(self._b.rows)

    @cached_property
    def _within(self) -> list[tuple[Array, Array]]:
        """For each set and sample the kernel's sum with all of the set, and with itself."""
        sums = [_own_sums(x.rows, self._kernel) for x in (self._a, self._b)]
        return list(zip(sums, self._diagonals, strict=True))

    @cached_property
    def _across(self) -> tuple[Mean, Mean]:
        """For each set and sample the kernel's mean with all of the other set."""
        of_a, of_b = _mutual_sums(self._a.rows, self._b.rows, self._kernel)
        return Mean(of_a / len(of_b)), Mean(of_b / len(of_a))

    @cached_property
    def _group_sums(self) -> tuple[Array, Array, Array]:
        a, b = self._a, self._b
        return _group_sums(a, a, self._kernel), _group_sums(b, b, self._kernel), _group_sums(a, b, self._kernel)


class _Part(NamedTuple):
    features_nd: Array
    groups: NDArray[np.intp]
    """The groups that are there."""
    starts: NDArray[np.intp]
    """Where in the features each of them starts."""


class _Grouped:
    """Features, and the groups that they belong to."""

    def __init__(self, rows: CheckedRows, groups: ArrayLike | None) -> None:
        names = np.arange(len(rows)) if groups is None else np.asarray(groups)
        if names.shape != (len(rows),):
            raise UsageError(f"groups must name one group for each of {len(rows)} samples")
        _, self._first, self._group_of, sizes = np.unique(
            names, return_index=True, return_inverse=True, return_counts=True
        )
        self.rows, self.sizes = rows, sizes.astype(np.float64)

    def counts(self, counts_n: ArrayLike) -> Array:
        """How often each group counts."""
        counts = checked_counts(counts_n, len(self._group_of))
        of_group: Array = counts[self._first]
        if (counts != of_group[self._group_of]).any():
            raise UsageError("samples of one group must count alike; some do not")
        return of_group

    def summed(self, values_n: Array) -> Array:
        """Numbers of samples, summed over each group."""
        return np.asarray(np.bincount(self._group_of, weights=values_n), dtype=np.float64)

    def part(self, where: slice) -> _Part:
        """Some samples in the order of their groups."""
        order = np.argsort(self._group_of[where], kind="stable")
        group_n = self._group_of[where][order]
        starts = np.flatnonzero(np.diff(group_n, prepend=-1))
        return _Part(self.rows[where][order], group_n[starts], starts)


class _Polynomial:
    def __init__(self, degree: int, gamma: float, coef0: float) -> None:
        self._degree, self._gamma, self._coef0 = degree, gamma, coef0

    def __call__(self, x_nd: Array, y_md: Array, room: Array) -> Array:
        """The kernel between a tile of samples and another, (N, M); the next call with that room overwrites it."""
        shape = len(x_nd), len(y_md)
        inner, power = (half[: shape[0] * shape[1]].reshape(shape) for half in room)
        np.matmul(x_nd, y_md.T, out=inner)
        return self._of(inner, power)

    def diagonal(self, rows: CheckedRows) -> Array:
        """The kernel of each sample with itself."""
        inner = np.concatenate([np.einsum("nd,nd->n", part, part) for _, part in rows.blocks()])
        return self._of(inner, np.empty_like(inner))

    def _of(self, inner: Array, power: Array) -> Array:
        inner *= self._gamma
        inner += self._coef0
        power[...] = inner
        for _ in range(self._degree - 1):  # NumPy's own power is 20 times slower
            power *= inner
        return power


def _room() -> Array:
    """For a tile and what it is made of: new memory for each would take as long as its numbers."""
    return np.empty((2, _TILE * _TILE))


def _tiles(n: int, start: int = 0) -> Iterator[slice]:
    return (slice(first, min(first + _TILE, n)) for first in range(start, n, _TILE))


def _own_sums(x: CheckedRows, kernel: _Polynomial) -> Array:
    """For each sample the sum of its kernel with all samples, itself included."""
    sums, room = np.zeros(len(x)), _room()
    for rows in _tiles(len(x)):
        x_part = x[rows]
        for columns in _tiles(len(x), rows.start):  # the kernel is symmetric
            tile = kernel(x_part, x[columns], room)
            sums[rows] += tile.sum(axis=1)
            if columns != rows:
                sums[columns] += tile.sum(axis=0)
    return sums


def _mutual_sums(x: CheckedRows, y: CheckedRows, kernel: _Polynomial) -> tuple[Array, Array]:
    """For each sample of x the sum of its kernel with all of y, and the other way about."""
    of_x, of_y, room = np.zeros(len(x)), np.zeros(len(y)), _room()
    for rows in _tiles(len(x)):
        x_part = x[rows]
        for columns in _tiles(len(y)):
            tile = kernel(x_part, y[columns], room)
            of_x[rows] += tile.sum(axis=1)
            of_y[columns] += tile.sum(axis=0)
    return of_x, of_y


def _group_sums(x: _Grouped, y: _Grouped, kernel: _Polynomial) -> Array:
    """Sums of the kernel over all pairs of samples, for each pair of groups."""
    sums, room = np.zeros((len(x.sizes), len(y.sizes))), _room()
    for rows in _tiles(len(x.rows)):
        x_part = x.part(rows)
        for columns in _tiles(len(y.rows), rows.start if x is y else 0):
            y_part = y.part(columns)
            tile = kernel(x_part.features_nd, y_part.features_nd, room)
            part = np.add.reduceat(np.add.reduceat(tile, x_part.starts, axis=0), y_part.starts, axis=1)
            sums[np.ix_(x_part.groups, y_part.groups)] += part
            if x is y and columns != rows:
                sums[np.ix_(y_part.groups, x_part.groups)] += part.T
    return sums
