"""How far a statistic of votes would stray with other prompts and other raters: two-way clustered variance.

Votes are not independent: those on one prompt share its videos, those of one rater share a taste. With the influence of
each vote on a statistic, the variance is the sum of products of influences over all pairs of votes that share a prompt
or a rater (Cameron, Gelbach and Miller, "Robust Inference with Multiway Clustering", 2011). Here it is written as what
votes have of their own, plus what sharing a prompt adds, plus what sharing a rater adds; neither addition is let below
zero, so that no interval is narrower than that of independent votes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Variance:
    """A variance and how well it is known."""

    value: float
    degrees: float
    """Of freedom, after Satterthwaite: few where few raters or prompts make most of the variance."""


def clustered_variance(
    influences_n: NDArray[np.float64], prompts_n: NDArray[np.int64], raters_n: NDArray[np.int64]
) -> Variance:
    """The variance of a statistic over prompts and raters.

    Args:
        influences_n: what each vote adds to the statistic; they sum to about zero.
        prompts_n: the prompt of each vote, as a number from 0.
        raters_n: its rater, as a number from 0.

    Returns:
        Where all votes are on one prompt or of one rater, nothing is known of other ones, and nothing added for them.
    """
    cells_n = np.unique(prompts_n * (raters_n.max() + 1) + raters_n, return_inverse=True)[1]
    own, own_degrees = _between(influences_n, cells_n)
    parts = [(own, own_degrees)]
    for clusters_n in (prompts_n, raters_n):
        between, degrees = _between(influences_n, clusters_n)
        if degrees:
            parts.append((max(between - own, 0.0), degrees))
    value = sum(part for part, _ in parts)
    spread = sum(part**2 / degrees for part, degrees in parts if degrees)
    return Variance(value, value**2 / spread if spread else float(own_degrees))


def _between(influences_n: NDArray[np.float64], clusters_n: NDArray[np.int64]) -> tuple[float, int]:
    """The variance if clusters were independent, and its degrees of freedom."""
    sums_g = np.bincount(clusters_n, influences_n)
    count = len(np.unique(clusters_n))
    # Influences are residuals, which are too small by this factor.
    return float(np.sum(sums_g**2)) * (count / (count - 1) if count > 1 else 1.0), count - 1
