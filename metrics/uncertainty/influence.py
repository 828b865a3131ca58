"""Standard errors and intervals of smooth statistics, at the cost of one more pass over the samples."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from vidgauge.metrics.uncertainty.clusters import Names, sums_of_sets
from vidgauge.metrics.uncertainty.interval import EXPECTED, Interval, none_for, too_few
from vidgauge.metrics.uncertainty.variance import Variance, variance

Influences = Sequence[ArrayLike]
"""For each set (N,): the derivative of a statistic by how often each sample counts; see `metrics.statistic.Smooth`."""


def standard_error(
    influences: Influences, groups: Sequence[Names], *, halved: Influences = (), shared: bool = False
) -> float:
    """How far the statistic strays from its expected value, as a standard deviation.

    Args:
        influences: of all samples.
        groups: for each set, the cluster of each sample: the source video of a clip, or the prompt of an answer.
            Samples of one cluster are one draw.
        halved: the influence of each sample on the statistic of its own half of the sets, as
            ``in_parts(..., cut(groups, 2, seed))`` gives them. They make the error exact to the second order (see
            `variance`); without them it is too large rather than too small, by up to 41 % where sets are alike.
        shared: whether clusters of one name are the same draw in all sets, such as videos and what was made of them.
    """
    return float(np.sqrt(_variance(influences, groups, halved, shared).value))


def interval(
    value: float,
    influences: Influences,
    groups: Sequence[Names],
    *,
    level: float,
    minimum: int,
    halved: Influences = (),
    shared: bool = False,
    positive: bool = False,
    covers: str = EXPECTED,
) -> Interval:
    """An interval of so many standard errors around the value, by Student's distribution.

    Args:
        value: of the samples as they are.
        influences: as for `standard_error`, like ``groups``, ``halved`` and ``shared``.
        level: such as 0.95.
        minimum: fewest clusters in any set for which an interval is given.
        positive: for statistics whose spread grows with their value, such as Fréchet and kernel distances and Inception
            Scores: an interval that lies above 0 is made even about the value's logarithm. Its two ends then miss more
            equally often. One that reaches 0 stays even about the value.
        covers: what lies in the interval so often.
    """
    if reason := too_few([len(set(names)) for names in groups], minimum):
        return none_for(reason)
    return around(value, _variance(influences, groups, halved, shared), level=level, positive=positive, covers=covers)


def around(value: float, of_value: Variance, *, level: float, covers: str, positive: bool = False) -> Interval:
    """The interval around a value whose variance is known."""
    error = float(np.sqrt(of_value.value))
    margin = _quantile(level, of_value.degrees) * error
    low, high = value - margin, value + margin
    if positive and margin < value:
        ratio = float(np.exp(margin / value))
        low, high = value / ratio, value * ratio
    return Interval(low, high, level, method="influence", standard_error=error, covers=covers)


def _quantile(level: float, degrees: float) -> float:
    share = (1 + level) / 2
    return float(ndtri(share) if np.isinf(degrees) else stdtrit(degrees, share))


def _variance(influences: Influences, groups: Sequence[Names], halved: Influences, shared: bool) -> Variance:
    whole = sums_of_sets(influences, groups, shared=shared)
    return variance(whole, sums_of_sets(halved, groups, shared=shared) if halved else ())
