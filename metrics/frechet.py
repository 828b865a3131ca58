"""The Fréchet distance between two Gaussians: exact, in float64, without a general matrix square root.

``|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a^1/2 C_b C_a^1/2)^1/2)``  (Dowson and Landau 1982; for video: Unterthiner et al.,
arXiv 1812.01717). The popular ``sqrtm(C_a @ C_b)`` is avoided: with fewer samples than dimensions the product is
singular and not symmetric, and some SciPy versions then return numbers that are wrong by orders of magnitude.
"""

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from vidgauge.errors import UsageError
from vidgauge.metrics.arrays import Array, checked


def frechet_distance(mean_a: ArrayLike, cov_a: ArrayLike, mean_b: ArrayLike, cov_b: ArrayLike) -> float:
    """Squared Fréchet distance between N(mean_a, cov_a) and N(mean_b, cov_b).

    Args:
        mean_a: (D,) mean, any real dtype; computed in float64. So is ``mean_b``.
        cov_a: (D, D) covariance, symmetric and positive semi-definite. So is ``cov_b``. Inputs are not changed.

    Returns:
        The distance, at least 0 up to rounding of the order of 1e-15 times the trace of the covariances.

    Raises:
        UsageError: for shapes that do not match, NaN or infinity, or a covariance that is not symmetric.
    """
    means = [checked(mean, "mean", 1) for mean in (mean_a, mean_b)]
    covariances = [checked(covariance, "covariance", 2) for covariance in (cov_a, cov_b)]
    dimension = len(means[0])
    shapes = [array.shape for array in (*means, *covariances)]
    if shapes != [(dimension,)] * 2 + [(dimension, dimension)] * 2:
        raise UsageError(f"frechet_distance needs means (D,) and covariances (D, D) of one D; the shapes are {shapes}")
    for covariance in covariances:
        if not np.allclose(covariance, covariance.T, rtol=1e-6, atol=1e-8 * max(1.0, float(np.abs(covariance).max()))):
            raise UsageError("frechet_distance needs symmetric covariances; one of the two is not")
    offset = means[0] - means[1]
    traces = np.trace(covariances[0]) + np.trace(covariances[1])
    return float(offset @ offset + traces - 2 * _trace_root(*covariances))


def frechet_distance_of_features(
    a_nd: ArrayLike,
    b_nd: ArrayLike,
    weights_a: ArrayLike | None = None,
    weights_b: ArrayLike | None = None,
    ddof: int = 1,
) -> float:
    """Fréchet distance between the Gaussians fitted to two sets of features.

    With X^T X and Y^T Y the two covariances, the trace of the root is the nuclear norm ``|X Y^T|_*``. Taken so, with X
    and Y reduced to at most D rows each, it holds for any number of samples and never squares a small singular value.

    Args:
        a_nd: (N, D) features; ``b_nd`` is (M, D).
        weights_a: (N,) how often each sample counts, once if not given; ``weights_b`` likewise (M,).
        ddof: subtracted from the number of samples in the covariance: 1 unbiased, 0 maximum likelihood.

    Raises:
        UsageError: for wrong shapes, NaN or infinity, or no more than ``ddof`` samples.
    """
    (mean_a, root_a), (mean_b, root_b) = (
        _mean_and_root(features, weights, ddof) for features, weights in ((a_nd, weights_a), (b_nd, weights_b))
    )
    if root_a.shape[1] != root_b.shape[1]:
        raise UsageError(
            f"features have {root_a.shape[1]} and {root_b.shape[1]} dimensions; they must have the same number"
        )
    offset = mean_a - mean_b
    traces = np.sum(root_a**2) + np.sum(root_b**2)
    return float(offset @ offset + traces - 2 * scipy.linalg.svdvals(root_a @ root_b.T).sum())


def _mean_and_root(features: ArrayLike, weights: ArrayLike | None, ddof: int) -> tuple[Array, Array]:
    """Mean (D,) and a matrix X of at most D rows with X^T X the covariance."""
    features_nd = checked(features, "features", 2)
    counts = np.ones(len(features_nd)) if weights is None else np.asarray(weights, dtype=np.float64)
    total = counts.sum()
    if total <= ddof:
        raise UsageError(f"a covariance with ddof={ddof} needs at least {ddof + 1} samples; there are {total:g}")
    mean = counts @ features_nd / total
    root = (features_nd - mean) * np.sqrt(counts / (total - ddof))[:, None]
    return mean, root if len(root) <= root.shape[1] else scipy.linalg.qr(root, mode="r")[0][: root.shape[1]]


def _trace_root(cov_a: Array, cov_b: Array) -> float:
    """``tr (A^1/2 B A^1/2)^1/2`` by two symmetric eigen-decompositions; rounding below zero is clamped."""
    values, vectors = scipy.linalg.eigh(cov_a)
    root_a = vectors * np.sqrt(
        np.clip(values, 0, None)
    )  # A = root_a root_a^T, and root_a^T B root_a has the spectrum needed
    return float(np.sqrt(np.clip(scipy.linalg.eigvalsh(root_a.T @ cov_b @ root_a), 0, None)).sum())
