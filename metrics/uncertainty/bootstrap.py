"""Intervals by resampling source videos: for statistics that are not smooth, and as a check of the others."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vidgauge.metrics.arrays import Array
from vidgauge.metrics.uncertainty.clusters import Names, numbered_in_sets
from vidgauge.metrics.uncertainty.interval import EXPECTED, Interval, none_for, too_few
from vidgauge.metrics.uncertainty.replicates import replicated


def bootstrap(
    statistic: Callable[..., float],
    value: float,
    groups: Sequence[Names],
    *,
    replicates: int,
    level: float,
    minimum: int,
    seed: int,
    shared: bool = False,
    threads: int | None = None,
    announce: Callable[[float], None] = lambda _: None,
) -> Interval:
    """Percentile bootstrap interval, recentred on the value.

    Resampling adds a bias of its own to statistics such as the Fréchet distance (a replicate holds fewer distinct
    samples), so the replicates' mean is moved onto the value; the interval is for the expected value at this N. It adds
    spread as well where sets are alike or small (pairs of samples vary three times as much as they do between sets that
    are drawn anew, or more): too wide an interval rather than too narrow a one.

    Args:
        statistic: takes one array of counts a sample for each set, in order, and returns the statistic.
        value: the statistic of the samples as they are.
        groups: for each set, the source video of each of its samples: clips cut from one file are not independent, so
            they are drawn together.
        replicates: how many resamplings.
        level: such as 0.95.
        minimum: fewest source videos in any set for which an interval is given.
        seed: of the resampling.
        shared: whether source videos of one name are the same in all sets, and so are drawn together.
        threads: how many replicates are computed at once; as many as there are processors if not given. The interval
            is the same for any number.
        announce: told what fraction is done.
    """
    if reason := too_few([len(set(names)) for names in groups], minimum):
        return none_for(reason)
    codes = numbered_in_sets(groups, shared=shared)

    def replicate(number: int) -> float:
        return statistic(*_resample(codes, np.random.default_rng([seed, number]), shared))

    drawn = replicated(replicate, replicates, threads=threads, announce=announce)
    low, high = np.quantile(drawn - drawn.mean() + value, [(1 - level) / 2, (1 + level) / 2])
    error = float(drawn.std(ddof=1))
    return Interval(float(low), float(high), level, method="bootstrap", standard_error=error, covers=EXPECTED)


def _resample(codes: Sequence[NDArray[np.intp]], generator: np.random.Generator, shared: bool) -> list[Array]:
    """How often each sample counts when as many source videos as there are have been drawn with replacement."""
    if shared:
        counts = _drawn(max(int(code.max()) for code in codes) + 1, generator)
        return [counts[code] for code in codes]
    return [_drawn(int(code.max()) + 1, generator)[code] for code in codes]


def _drawn(n: int, generator: np.random.Generator) -> Array:
    return np.bincount(generator.integers(n, size=n), minlength=n).astype(np.float64)
