"""Intervals by resampling source videos: clips cut from one file are not independent, so they are drawn together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from vidgauge.metrics.arrays import Array


@dataclass(frozen=True)
class Interval:
    """A confidence interval, or the reason why there is none."""

    low: float | None
    high: float | None
    level: float | None
    reason: str = ""


def bootstrap(
    statistic: Callable[..., float],
    value: float,
    groups: Sequence[Sequence[str]],
    *,
    replicates: int,
    level: float,
    minimum: int,
    seed: int,
) -> Interval:
    """Percentile bootstrap interval, recentred on the value.

    Resampling adds a bias of its own to statistics such as the Fréchet distance (a replicate holds fewer distinct
    samples), so the replicates' mean is moved onto the value; the interval is for the expected value at this N.

    Args:
        statistic: takes one array of counts a sample for each set, in order, and returns the statistic.
        value: the statistic of the samples as they are.
        groups: for each set, the source video of each of its samples.
        replicates: how many resamplings.
        level: such as 0.95.
        minimum: fewest source videos in any set for which an interval is given.
        seed: of the resampling.
    """
    fewest = min(len(set(group)) for group in groups)
    if fewest < minimum:
        return Interval(None, None, None, f"{fewest} independent videos in a set; an interval needs at least {minimum}")
    generator = np.random.default_rng(seed)
    sources = [np.unique(np.asarray(group), return_inverse=True)[1] for group in groups]
    # Many small decompositions: threads inside each would spend their time waiting for each other.
    with threadpool_limits(1, user_api="blas"):
        drawn = np.array([statistic(*(_resample(source, generator) for source in sources)) for _ in range(replicates)])
    low, high = np.quantile(drawn - drawn.mean() + value, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level)


def _resample(source_n: NDArray[np.intp], generator: np.random.Generator) -> Array:
    """How often each sample counts when as many source videos as there are have been drawn with replacement."""
    n_sources = int(source_n.max()) + 1
    counts = np.bincount(generator.integers(n_sources, size=n_sources), minlength=n_sources)
    return counts[source_n].astype(np.float64)
