"""Distances between features, how one stands to another of the same videos, and how they fall with N."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.special import stdtrit

from vidgauge.metrics.arrays import Array
from vidgauge.metrics.frechet import FrechetConvention, FrechetDistance
from vidgauge.metrics.uncertainty.extrapolation import extrapolate
from vidgauge.metrics.uncertainty.influence import interval

LEVEL = 0.95
_MINIMUM = 10
Sets = tuple[Array, Array]
"""Features of real videos, and of the ones that are judged."""


def distance(sets: Sets, convention: FrechetConvention, *, shared: bool = False) -> dict[str, Any]:
    """The distance and its interval, as fields of a record.

    Args:
        sets: (N, D) each.
        convention: from features to a number.
        shared: whether row i of both sets is of one video.
    """
    statistic = FrechetDistance(*sets, convention=convention)
    value = statistic()
    if reason := _too_few(sets):
        return {"value": value, "no_interval": reason}
    found = interval(
        value, statistic.influences(), _numbers(sets), level=LEVEL, minimum=_MINIMUM, shared=shared, positive=True
    )
    return {"value": value} | found.fields


def ratio(a: Sets, b: Sets, conventions: tuple[FrechetConvention, FrechetConvention]) -> dict[str, Any]:
    """The distance of a over that of b, features of the same videos, as fields of a record.

    What both owe to the chance of these videos falls out: a sample's influence on the logarithm of the ratio is the
    difference of its influences on the two distances, each over its distance.
    """
    over, under = (FrechetDistance(*sets, convention=one) for sets, one in zip((a, b), conventions, strict=True))
    value = over() / under()
    if reason := _too_few(a):
        return {"value": value, "no_interval": reason}
    pairs = zip(over.influences(), under.influences(), strict=True)
    influences = [above / over() - below / under() for above, below in pairs]
    logarithm = interval(math.log(value), influences, _numbers(a), level=LEVEL, minimum=_MINIMUM)
    assert logarithm.low is not None
    assert logarithm.high is not None
    return {"value": value, "low": math.exp(logarithm.low), "high": math.exp(logarithm.high), "level": LEVEL}


def by_count(sets: Sets, counts: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The mean distance of disjoint parts with so many samples, and what they scatter by, as fields of a record."""
    for count in counts:
        parts = [slice(start, start + count) for start in range(0, len(sets[0]) - count + 1, count)]
        values = [FrechetDistance(sets[0][part], sets[1][part])() for part in parts]
        if len(parts) == 1:
            yield count, distance(sets, "ddof-1") | {"details": {"values": values}}
            continue
        mean, spread = float(np.mean(values)), float(np.std(values, ddof=1))
        margin = float(stdtrit(len(values) - 1, (1 + LEVEL) / 2)) * spread / math.sqrt(len(values))
        fields = {"value": mean, "low": mean - margin, "high": mean + margin, "level": LEVEL}
        yield count, fields | {"details": {"values": values, "spread": spread}}


def at_infinity(sets: Sets) -> dict[str, Any]:
    """The distance between the distributions, as fields of a record."""
    found = extrapolate(FrechetDistance, sets, _numbers(sets), level=LEVEL, minimum=_MINIMUM, seed=0)
    if found.value is None:
        return {"status": "skipped", "reason": found.reason}
    return {"value": found.value} | found.interval.fields


def _too_few(sets: Sets) -> str:
    fewest, dimension = min(map(len, sets)), sets[0].shape[1]
    return f"{fewest} clips are fewer than the {dimension} features" if fewest < dimension else ""


def _numbers(sets: Sets) -> list[Any]:
    """Each row is a video of its own."""
    return [np.arange(len(rows)) for rows in sets]
