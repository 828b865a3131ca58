"""A biased distance where N is infinite: a straight line in 1/N through its values at N, N/2, N/4, ...

The idea is that of Chong and Forsyth (arXiv 1911.07023), for the Fréchet distance, whose bias is proportional to 1/N
but for higher powers. They draw random subsets of one set. Here both sets are cut into halves, all parts again, and so
on, so that every sample is in every point of the line, and the line's end is a fixed sum of the points. What a sample
contributes to that sum is known, so the interval costs nothing beyond the points.

Parts of fewer than two samples a dimension bend away from the line. Points of smaller parts scatter more and bend more:
one of k parts weighs 1/k^2.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vidgauge.metrics.arrays import Array
from vidgauge.metrics.statistic import Rows, Smooth
from vidgauge.metrics.uncertainty.chosen_rows import ChosenRows
from vidgauge.metrics.uncertainty.clusters import Names, Part, cut, numbered_in_sets, sums_of_sets
from vidgauge.metrics.uncertainty.influence import around
from vidgauge.metrics.uncertainty.interval import EXPECTED, POPULATION, Interval, none_for, too_few
from vidgauge.metrics.uncertainty.variance import Variance, bounded, squares

_MOST_PARTS = 8
"""Points of smaller parts would have no say beside the others."""

Terms = list[Array]
"""For each set, what each cluster has in a variance."""


class Point(NamedTuple):
    """The mean distance between parts of the sets."""

    n: float
    """Samples of a part: the harmonic mean over parts and sets."""
    parts: int
    value: float
    interval: Interval
    """For the expected value at this n."""


@dataclass(frozen=True)
class Extrapolated:
    """The distance where N is infinite, or the reason why there is none; and the curve that leads there."""

    value: float | None
    interval: Interval
    curve: tuple[Point, ...]
    """From all samples to the smallest parts."""
    reason: str = ""


def extrapolate(
    distance: Callable[[Rows, Rows], Smooth],
    sets: Sequence[Rows],
    groups: Sequence[Names],
    *,
    level: float,
    minimum: int,
    seed: int,
    smallest: int | None = None,
    shared: bool = False,
    announce: Callable[[float], None] = lambda _: None,
) -> Extrapolated:
    """The distance between the distributions of two sets of samples.

    Args:
        distance: of two sets of rows; its bias is a multiple of 1/N.
        sets: (N, D) and (M, D).
        groups: for each set, the cluster of each sample; clusters stay whole.
        level: of the intervals, such as 0.95.
        minimum: fewest clusters in any set for which intervals are given.
        seed: of the cutting.
        smallest: fewest samples that a part may have of either set; two a dimension if not given.
        shared: whether clusters of one name are the same in both sets.
        announce: told what fraction is done.
    """
    smallest = 2 * sets[0].shape[1] if smallest is None else smallest
    few = too_few([len(set(names)) for names in groups], minimum)
    groups = numbered_in_sets(groups, shared=shared)  # once: names take longer to sort
    cuts = _cuts(groups, smallest, seed, shared)
    values, terms, of_samples = [], [], []
    for place, pieces in enumerate(cuts):
        announce(place / len(cuts))
        value, influences = _point(distance, sets, pieces)
        values.append(value)
        of_samples.append(influences)
        terms.append([squares(sums, len(pieces)) for sums in sums_of_sets(influences, groups, shared=shared)])
    announce(1.0)

    def found(value: float, known: Variance, covers: str) -> Interval:
        if few:
            return none_for(few)
        return around(value, known, level=level, covers=covers, positive=covers == EXPECTED)

    places = [_inverse_size(pieces) for pieces in cuts]
    curve = tuple(
        Point(1 / place, len(pieces), value, found(value, _variance_of_point(terms, level_), EXPECTED))
        for level_, (place, pieces, value) in enumerate(zip(places, cuts, values, strict=True))
    )
    if len(cuts) == 1:
        reason = f"{min(rows.shape[0] for rows in sets)} samples in a set; a line in 1/N needs two parts of {smallest}"
        return Extrapolated(None, none_for(reason), curve, reason)
    weights = line_end(places)
    value = float(weights @ values)
    influences = [np.tensordot(weights, of_set, 1) for of_set in zip(*of_samples, strict=True)]
    known = _variance_of_line(sums_of_sets(influences, groups, shared=shared), terms, weights)
    return Extrapolated(value, found(value, known, POPULATION), curve)


def line_end(places: Sequence[float]) -> Array:
    """By what to multiply values at such places to get where the line through them, weighted by 1/place^2, is at 0."""
    x = np.asarray(places)
    root = 1 / x
    return np.asarray(np.linalg.pinv(np.column_stack([root, root * x]))[0] * root)


def _cuts(groups: Sequence[Names], smallest: int, seed: int, shared: bool) -> list[list[Part]]:
    """All samples as one part, and the halvings that leave every part large enough."""
    cuts = [cut(groups, 1, seed, shared=shared)]
    clusters = min(len(np.unique(names)) for names in groups)
    while len(cuts[-1]) < min(_MOST_PARTS, clusters // 2):
        halves = cut(groups, 2 * len(cuts[-1]), seed, shared=shared)
        if min(len(where) for piece in halves for where in piece) < smallest:
            break
        cuts.append(halves)
    return cuts


def _point(
    distance: Callable[[Rows, Rows], Smooth], sets: Sequence[Rows], pieces: Sequence[Part]
) -> tuple[float, list[Array]]:
    """The mean distance over parts, and what each sample of each set contributes to it."""
    values, influences = [], [np.zeros(rows.shape[0]) for rows in sets]
    for piece in pieces:
        a, b = (ChosenRows(rows, where) for rows, where in zip(sets, piece, strict=True))
        statistic = distance(a, b)
        values.append(statistic())
        for of_set, where, of_part in zip(influences, piece, statistic.influences(), strict=True):
            of_set[where] = (of_part - of_part.mean()) / len(pieces)
    return float(np.mean(values)), influences


def _inverse_size(pieces: Sequence[Part]) -> float:
    return float(np.mean([1 / len(where) for piece in pieces for where in piece]))


# In the notation of `variance`, over N^2: the terms of a mean over k parts sum to v1 N + 2 k v2, its variance is
# v1 N + k v2.


def _variance_of_point(terms: Sequence[Terms], place: int) -> Variance:
    if len(terms) == 1:
        return bounded(terms[0], _total(terms[0]))
    if place > 0:
        return bounded(terms[place - 1], _total(terms[place - 1]))
    return bounded([(3 * whole - halves) / 2 for whole, halves in zip(*terms[:2], strict=True)], _total(terms[0]))


def _variance_of_line(sums: Sequence[Array], terms: Sequence[Terms], weights: Array) -> Variance:
    """From the line's own influences, less what pairs of samples have in them twice."""
    own, pairs = [squares(of_set, _means_taken(weights)) for of_set in sums], _weight_of_pairs(weights)
    once = [
        of_set - pairs * (halves - whole) / 2 for of_set, whole, halves in zip(own, terms[0], terms[1], strict=True)
    ]
    return bounded(once, _total(own))


def _weight_of_pairs(weights: Array) -> float:
    """By how much ``v2`` is larger for the line than for all samples at once.

    Two samples that meet in a part of N/k have k/N^2 times their pair's weight in the mean over k parts. They do in
    1/k of all cases, and then in all larger parts as well.
    """
    parts = 2.0 ** np.arange(len(weights))
    separated_next = 1 / parts - np.append(1 / parts[1:], 0)
    return float(separated_next @ np.cumsum(weights * parts) ** 2)


def _means_taken(weights: Array) -> float:
    """The `squares` of the line's influences are too small by so many means, or too large.

    To a mean over N a sample contributes its distance from ``sum of weight_k * mean of its part of N/k``. The variance
    of that distance follows from those of a part's mean, k/N, and of the means of two parts of which one lies in the
    other: k/N of the larger.
    """
    parts = 2.0 ** np.arange(len(weights))
    return float(2 * weights @ parts - weights @ np.minimum.outer(parts, parts) @ weights)


def _total(terms: Terms) -> float:
    return float(sum(of_set.sum() for of_set in terms))
