"""One value out of those of several seeds, with an interval that has their spread in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt
from statistics import NormalDist, fmean, variance

from vidgauge.record import Record

ENOUGH = 3
"""Seeds for a ranking."""


@dataclass(frozen=True)
class OverSeeds:
    """The mean over seeds."""

    value: float
    low: float
    high: float
    standard_error: float
    between: float
    """Standard deviation of the seeds' values."""
    freedom: float
    """Degrees of freedom of Student's t."""


def over_seeds(values: Sequence[float], errors: Sequence[float], level: float) -> OverSeeds:
    """The mean of what several seeds gave.

    Seeds are drawn, so the mean strays by s / sqrt(k), where s is the standard deviation of the k values. The real
    clips are the same for all of them, so what their choice adds to each value is not averaged out: the mean variance
    of one value is added whole, as if all of it were of that kind. The interval is too wide rather than too narrow.
    Ends are those of Student's t, with the degrees of freedom of Welch (1947) and Satterthwaite (1946) for a sum of a
    variance from k values and one that is taken for known.

    Args:
        values: one a seed.
        errors: the standard error of each.
        level: of the interval.
    """
    from scipy.stats import t

    count, mean = len(values), fmean(values)
    between = variance(values) / count if count > 1 else 0.0
    within = fmean(error * error for error in errors)
    freedom = inf if between == 0 else (count - 1) * ((between + within) / between) ** 2
    quantile = NormalDist().inv_cdf(0.5 + level / 2) if freedom == inf else float(t.ppf(0.5 + level / 2, freedom))
    error = sqrt(between + within)
    return OverSeeds(mean, mean - quantile * error, mean + quantile * error, error, sqrt(between * count), freedom)


def standard_error(record: Record) -> float:
    """Of a record with an interval: half of it, over the normal quantile of its level."""
    assert record.low is not None
    assert record.high is not None
    assert record.level is not None
    return (record.high - record.low) / (2 * NormalDist().inv_cdf(0.5 + record.level / 2))


def in_common(notes: Sequence[Sequence[str]]) -> list[str]:
    """The notes that hold for the values of all seeds: what is said of one of them, such as its p, is not."""
    return [note for note in notes[0] if all(note in others for others in notes)]
