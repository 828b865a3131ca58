"""The Inception Score: how sure a classifier is of each sample, and how evenly the classes come (arXiv 1606.03498)."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from vidgauge.errors import UsageError
from vidgauge.metrics.arrays import Array, checked


def inception_score(probabilities_nk: ArrayLike, splits: int = 1, weights: ArrayLike | None = None) -> float:
    """``exp E_x KL(p(y|x) || p(y))``, averaged over equal splits of the samples in the order given.

    Args:
        probabilities_nk: (N, K) class probabilities, each row summing to 1; computed in float64.
        splits: in how many contiguous, equal parts the samples are scored. Fewer samples a split bias the score low, so
            scores with other splits are other measures.
        weights: (N,) how often each sample counts; once if not given.

    Returns:
        The score, between 1 and K.

    Raises:
        UsageError: if rows are not probabilities, or there are fewer samples than splits.
    """
    probabilities = checked(probabilities_nk, "probabilities", 2)
    if (probabilities < 0).any() or (np.abs(probabilities.sum(axis=1) - 1) > 1e-3).any():
        raise UsageError(
            "inception_score needs rows that are probabilities (at least 0, sum 1); pass them through a softmax"
        )
    if not 1 <= splits <= len(probabilities):
        raise UsageError(f"splits must lie between 1 and the number of samples, {len(probabilities)}; it is {splits}")
    counts = np.ones(len(probabilities)) if weights is None else np.asarray(weights, dtype=np.float64)
    parts = zip(np.array_split(probabilities, splits), np.array_split(counts, splits), strict=True)
    return float(np.mean([_score(part, part_counts) for part, part_counts in parts]))


def _score(probabilities_nk: Array, counts_n: Array) -> float:
    counts_n = counts_n / counts_n.sum()
    marginal_k = counts_n @ probabilities_nk
    # E KL(p || m) = E sum p log p - sum m log m, since E p = m; 0 log 0 = 0.
    divergence = counts_n @ xlogy(probabilities_nk, probabilities_nk).sum(axis=1) - xlogy(marginal_k, marginal_k).sum()
    return float(np.exp(divergence))
