"""The kernel distance: squared maximum mean discrepancy with a polynomial kernel.

Bińkowski et al., arXiv 1801.01401, equation 4, for images (KID); Unterthiner et al., arXiv 1812.01717, for video (KVD).
"""

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidgauge.errors import UsageError, near_misses
from vidgauge.metrics.arrays import Array, checked_counts, checked_pair

Estimator = Literal["unbiased", "biased"]
"""Whether pairs of a sample with itself are left out (KVD, KID: expectation 0 for equal distributions) or in (JEDi)."""

_TILE = 512  # samples on a side of the part of a kernel matrix that is held at once: it stays in the cache


def kernel_distance(
    a_nd: ArrayLike,
    b_nd: ArrayLike,
    *,
    degree: int = 3,
    gamma: float | None = None,
    coef0: float = 1.0,
    estimator: Estimator = "unbiased",
) -> float:
    """MMD^2 between two sets of features under the kernel ``(gamma <x, y> + coef0) ** degree``, over all their pairs.

    Args:
        a_nd: (N, D) features, any real dtype; computed in float64. ``b_nd`` is (M, D). N and M are at least 2.
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
    a, b = checked_pair(a_nd, b_nd)
    together = [np.zeros(len(features)) for features in (a, b)]
    return KernelDistance(a, b, *together, degree=degree, gamma=gamma, coef0=coef0, estimator=estimator)()


def kernel_distances_of_subsets(
    a_nd: ArrayLike,
    b_nd: ArrayLike,
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
    a, b = checked_pair(a_nd, b_nd)
    if not 2 <= size <= min(len(a), len(b)):
        raise UsageError(f"subsets of {size} samples need at least 2 and as many in each set ({len(a)} and {len(b)})")
    if subsets < 1:
        raise UsageError(f"at least one subset is needed; there are {subsets}")
    generator = np.random.RandomState(seed)
    drawn = ([generator.choice(len(x), size, replace=False) for x in (a, b)] for _ in range(subsets))
    return np.array([kernel_distance(a[i], b[j], degree=degree, gamma=gamma, coef0=coef0) for i, j in drawn])


class KernelDistance:
    """Sums of kernels over groups of samples, from which the distance of any reweighting of groups follows.

    Args:
        a_nd: (N, D) features; ``b_nd`` is (M, D).
        groups_a: (N,) names of the groups (such as the files that clips were cut from) whose samples always count
            alike; each sample is one of its own if not given. ``groups_b`` likewise. Memory is that of G x G sums.
        degree: as `kernel_distance`, like what follows.
    """

    def __init__(
        self,
        a_nd: ArrayLike,
        b_nd: ArrayLike,
        groups_a: ArrayLike | None = None,
        groups_b: ArrayLike | None = None,
        *,
        degree: int = 3,
        gamma: float | None = None,
        coef0: float = 1.0,
        estimator: Estimator = "unbiased",
    ) -> None:
        a, b = checked_pair(a_nd, b_nd)
        if min(len(a), len(b)) < 2:
            raise UsageError(f"a kernel distance needs 2 samples a set; there are {len(a)} and {len(b)}")
        if degree < 1:
            raise UsageError(f"the kernel's degree must be at least 1; it is {degree}")
        if estimator not in get_args(Estimator):
            raise UsageError(f"no estimator {estimator!r}; {near_misses(str(estimator), list(get_args(Estimator)))}")
        self._estimator = estimator
        self._a, self._b = _Grouped(a, groups_a), _Grouped(b, groups_b)
        kernel = _Polynomial(degree, 1 / a.shape[1] if gamma is None else gamma, coef0)
        self._aa, self._bb, self._ab = (
            _sums(x, y, kernel) for x, y in ((self._a, self._a), (self._b, self._b), (self._a, self._b))
        )
        self._diagonal_a, self._diagonal_b = (_diagonal(x, kernel) for x in (self._a, self._b))

    def __call__(self, counts_a: ArrayLike | None = None, counts_b: ArrayLike | None = None) -> float:
        """The distance when sample i counts ``counts_a[i]`` times (once if not given), and likewise for b."""
        a, b = self._a.counts(counts_a), self._b.counts(counts_b)
        n_a, n_b = float(a @ self._a.sizes), float(b @ self._b.sizes)
        within = self._within(self._aa, self._diagonal_a, a, n_a) + self._within(self._bb, self._diagonal_b, b, n_b)
        return float(within - 2 * (a @ self._ab @ b) / (n_a * n_b))

    def _within(self, sums: Array, diagonal: Array, counts: Array, n: float) -> float:
        """Mean over the ordered pairs of one set."""
        if self._estimator == "biased":
            return float(counts @ sums @ counts) / n**2
        if n < 2:
            raise UsageError("an unbiased kernel distance needs 2 samples a set; fewer are counted")
        # A sample that counts twice is two draws: their pair with each other stays, each draw's with itself goes.
        return float(counts @ sums @ counts - counts @ diagonal) / (n * (n - 1))


class _Grouped:
    """Features in the order of their groups."""

    def __init__(self, features_nd: Array, groups: ArrayLike | None) -> None:
        names = np.arange(len(features_nd)) if groups is None else np.asarray(groups)
        if names.shape != (len(features_nd),):
            raise UsageError(f"groups must name one group for each of {len(features_nd)} samples")
        _, self._first, self._group_of, sizes = np.unique(
            names, return_index=True, return_inverse=True, return_counts=True
        )
        self.sizes = sizes.astype(np.float64)
        order = np.argsort(self._group_of, kind="stable")
        self.features_nd, self.group_n = features_nd[order], self._group_of[order]

    def counts(self, counts_n: ArrayLike | None) -> Array:
        """How often each group counts."""
        counts = checked_counts(counts_n, len(self._group_of))
        of_group: Array = counts[self._first]
        if (counts != of_group[self._group_of]).any():
            raise UsageError("samples of one group must count alike; some do not")
        return of_group

    def tiles(self) -> Iterator[tuple[Array, slice, NDArray[np.intp]]]:
        """Parts of the features; the groups that they belong to; where in the part each of these starts."""
        for start in range(0, len(self.features_nd), _TILE):
            group = self.group_n[start : start + _TILE]
            starts = np.flatnonzero(np.diff(group, prepend=-1))
            yield self.features_nd[start : start + _TILE], slice(group[0], group[-1] + 1), starts


class _Polynomial:
    def __init__(self, degree: int, gamma: float, coef0: float) -> None:
        self._degree, self._gamma, self._coef0 = degree, gamma, coef0

    def __call__(self, inner: Array) -> Array:
        """The kernel of inner products, which are overwritten."""
        inner *= self._gamma
        inner += self._coef0
        power = inner.copy()
        for _ in range(self._degree - 1):  # NumPy's own power is 20 times slower
            power *= inner
        return power


def _sums(x: _Grouped, y: _Grouped, kernel: _Polynomial) -> Array:
    """Sums of the kernel over all pairs of samples, for each pair of groups."""
    sums = np.zeros((len(x.sizes), len(y.sizes)))
    for i, (x_part, rows, row_starts) in enumerate(x.tiles()):
        for j, (y_part, columns, column_starts) in enumerate(y.tiles()):
            if x is y and j < i:
                continue  # the kernel is symmetric
            tile = kernel(x_part @ y_part.T)
            part = np.add.reduceat(np.add.reduceat(tile, row_starts, axis=0), column_starts, axis=1)
            sums[rows, columns] += part
            if x is y and j > i:
                sums[columns, rows] += part.T
    return sums


def _diagonal(x: _Grouped, kernel: _Polynomial) -> Array:
    """Sums, for each group, of the kernel of its samples with themselves."""
    of_samples = kernel(np.einsum("nd,nd->n", x.features_nd, x.features_nd))
    return np.asarray(np.bincount(x.group_n, weights=of_samples, minlength=len(x.sizes)), dtype=np.float64)
