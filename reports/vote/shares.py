"""The share of votes that prefer one of two systems, with its intervals."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vidgauge.reports.vote.clustered import clustered_variance

LEVEL = 0.95


@dataclass(frozen=True)
class Share:
    """A share with an interval that says how far it would stray with other prompts and other raters."""

    value: float
    low: float
    high: float
    independent: tuple[float, float]
    """Wilson's interval, which takes all votes for independent."""
    effective: float
    """How many independent votes tell as much."""


def share(won_n: NDArray[np.bool_], prompts_n: NDArray[np.int64], raters_n: NDArray[np.int64]) -> Share:
    """The share of votes won.

    The interval is Wilson's with the effective number of votes in place of their number (Korn and Graubard, "Confidence
    intervals for proportions with small expected number of positive counts", 1998) and Student's quantile. Where all
    votes agree nothing can be said of how they hang together, and both intervals are Wilson's own.

    Args:
        won_n: whether each vote prefers the system; at least one.
        prompts_n: its prompt, as a number from 0.
        raters_n: its rater, as a number from 0.
    """
    n, value = len(won_n), float(np.mean(won_n))
    normal = float(stats.norm.ppf((1 + LEVEL) / 2))
    independent = wilson(value, n, normal)
    variance = clustered_variance((won_n - value) / n, prompts_n, raters_n)
    if not variance.value:
        return Share(value, *independent, independent, float(n))
    effective = min(value * (1 - value) / variance.value, n)
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, max(variance.degrees, 1.0)))
    low, high = wilson(value, effective, quantile)
    return Share(value, low, high, independent, effective)


def wilson(value: float, n: float, quantile: float) -> tuple[float, float]:
    """Wilson's interval for a share (1927): the shares from which the observed one is at most the quantile away."""
    spread = quantile**2 / n
    centre = (value + spread / 2) / (1 + spread)
    half = quantile / (1 + spread) * math.sqrt(value * (1 - value) / n + spread / (4 * n))
    return max(centre - half, 0.0), min(centre + half, 1.0)
