"""The kernel distance: unbiased squared maximum mean discrepancy with a polynomial kernel.

Bińkowski et al., arXiv 1801.01401, equation 4, for images (KID); Unterthiner et al., arXiv 1812.01717, for video (KVD).
"""

import numpy as np
from numpy.typing import ArrayLike

from vidgauge.errors import UsageError
from vidgauge.metrics.arrays import Array, checked


def kernel_distance(
    a_nd: ArrayLike,
    b_nd: ArrayLike,
    *,
    degree: int = 3,
    gamma: float | None = None,
    coef0: float = 1.0,
) -> float:
    """Unbiased MMD^2 between two sets of features under the kernel ``(gamma <x, y> + coef0) ** degree``.

    Args:
        a_nd: (N, D) features, any real dtype; computed in float64. ``b_nd`` is (M, D). N and M are at least 2.
        degree: of the polynomial.
        gamma: scale of the inner product; 1/D if not given.
        coef0: constant of the polynomial.

    Returns:
        The distance. Its expectation is 0 for equal distributions, so it may be negative.

    Raises:
        UsageError: for wrong shapes, NaN or infinity, or fewer than two samples in a set.
    """
    return KernelDistance(a_nd, b_nd, degree=degree, gamma=gamma, coef0=coef0)()


class KernelDistance:
    """The kernel matrices of two sets, from which the distance of any reweighting follows without features."""

    def __init__(
        self,
        a_nd: ArrayLike,
        b_nd: ArrayLike,
        *,
        degree: int = 3,
        gamma: float | None = None,
        coef0: float = 1.0,
    ) -> None:
        a, b = (checked(features, "features", 2) for features in (a_nd, b_nd))
        if min(len(a), len(b)) < 2:
            raise UsageError(f"an unbiased kernel distance needs 2 samples a set; there are {len(a)} and {len(b)}")
        if a.shape[1] != b.shape[1]:
            raise UsageError(f"features have {a.shape[1]} and {b.shape[1]} dimensions; they must have the same number")
        scale = 1 / a.shape[1] if gamma is None else gamma
        self._aa, self._bb, self._ab = ((scale * (x @ y.T) + coef0) ** degree for x, y in ((a, a), (b, b), (a, b)))

    def __call__(self, weights_a: ArrayLike | None = None, weights_b: ArrayLike | None = None) -> float:
        """The distance when sample i counts ``weights_a[i]`` times (once if not given), and likewise for b."""
        counts_a = np.ones(len(self._aa)) if weights_a is None else np.asarray(weights_a, dtype=np.float64)
        counts_b = np.ones(len(self._bb)) if weights_b is None else np.asarray(weights_b, dtype=np.float64)
        cross = counts_a @ self._ab @ counts_b / (counts_a.sum() * counts_b.sum())
        return float(_mean_off_diagonal(self._aa, counts_a) + _mean_off_diagonal(self._bb, counts_b) - 2 * cross)


def _mean_off_diagonal(kernel_nn: Array, counts: Array) -> float:
    """Mean over ordered pairs of distinct draws; leaving out a draw's pair with itself makes it unbiased."""
    total = counts.sum()
    return float((counts @ kernel_nn @ counts - counts @ np.diag(kernel_nn)) / (total * (total - 1)))
