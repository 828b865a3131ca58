"""Medians and paired ratios with bootstrap intervals, and what may be claimed from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from vidgauge.errors import UsageError

LEVEL = 0.95
RESAMPLES = 4000
FEWEST = 5
"""Below this many rounds even the extremes do not bracket the median at the 95 % level: no interval, no verdict."""
THRESHOLD = 0.01
"""Differences of 1 % and less are of no practical importance."""


class Verdict(StrEnum):
    """How one variant stands to another in time."""

    FASTER = "faster"
    SLOWER = "slower"
    EQUAL = "equal"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Estimate:
    """A value and its interval, which is empty with fewer than five rounds."""

    value: float
    low: float | None
    high: float | None
    n: int
    """Rounds it rests on."""
    level: float = LEVEL
    """Confidence level of the interval."""


def median(seconds: Sequence[float], seed: int) -> Estimate:
    """The median with its percentile bootstrap interval (Efron and Tibshirani 1993, section 13.3).

    Args:
        seconds: one positive time for each round.
        seed: of the resampling.
    """
    return _median(np.asarray(seconds, dtype=np.float64), seed)


def paired_ratio(seconds_a: Sequence[float], seconds_b: Sequence[float], seed: int) -> Estimate:
    """The median over rounds of time a over time b, with its bootstrap interval; below 1, a is faster.

    The median is taken of logarithms, and the same rounds are drawn whichever way round the pair is given: the ratio of
    b to a is exactly the reciprocal, and the two can never contradict each other.

    Raises:
        UsageError: where the rounds do not pair, or a time is not positive.
    """
    a, b = np.asarray(seconds_a, dtype=np.float64), np.asarray(seconds_b, dtype=np.float64)
    if a.shape != b.shape:
        raise UsageError(f"{a.size} and {b.size} times do not pair; a ratio needs both variants in every round")
    if not (np.all(a > 0) and np.all(b > 0)):
        raise UsageError("a time is zero or negative, so it has no ratio; make the samples longer")
    logs = _median(np.log(a / b), seed)
    low, high = (None if end is None else float(np.exp(end)) for end in (logs.low, logs.high))
    return Estimate(float(np.exp(logs.value)), low, high, logs.n)


def verdict(ratio: Estimate, threshold: float = THRESHOLD) -> Verdict:
    """What a ratio of times allows to say.

    FASTER or SLOWER: the interval excludes 1 and the effect exceeds the threshold. EQUAL: the interval lies inside the
    threshold. UNDECIDED: anything else. The threshold is symmetric, from 1 / (1 + threshold) to 1 + threshold.
    """
    if ratio.low is None or ratio.high is None:
        return Verdict.UNDECIDED
    least, most = 1 / (1 + threshold), 1 + threshold
    if ratio.high < 1 and ratio.value < least:
        return Verdict.FASTER
    if ratio.low > 1 and ratio.value > most:
        return Verdict.SLOWER
    if least <= ratio.low and ratio.high <= most:
        return Verdict.EQUAL
    return Verdict.UNDECIDED


def _median(values: np.ndarray, seed: int) -> Estimate:
    if values.size == 0:
        raise UsageError("there are no times to summarise; run at least one round")
    value = float(np.median(values))
    if values.size < FEWEST:
        return Estimate(value, None, None, values.size)
    draws = np.random.default_rng(seed).integers(values.size, size=(RESAMPLES, values.size))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.median(values[draws], axis=1), [tail, 1 - tail])
    return Estimate(value, float(low), float(high), values.size)
