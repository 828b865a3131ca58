"""Which of two generated sets is closer to the same reference: they share its chance, and often their prompts'."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr

from vidgauge.metrics.arrays import Array
from vidgauge.metrics.uncertainty.clusters import Names, Part, cluster_sums, cut, sums_of_sets
from vidgauge.metrics.uncertainty.influence import Influences, around
from vidgauge.metrics.uncertainty.interval import Interval, none_for, too_few
from vidgauge.metrics.uncertainty.variance import variance

DIFFERENCE = "the expected difference at these numbers of videos"
"""What the interval covers. Between sets of one size the bias of a Fréchet distance is much the same in both."""


@dataclass(frozen=True)
class Difference:
    """The first set's value less the second's."""

    value: float
    interval: Interval
    p: float | None
    """How often a difference as large, up or down, comes by chance where there is none; None without an interval."""


def difference(
    value: float,
    influences: Influences,
    groups: Sequence[Names],
    *,
    paired: bool,
    level: float,
    minimum: int,
    halved: Influences = (),
) -> Difference:
    """The difference with its interval and its two-sided p, by Student's distribution.

    Args:
        value: of the first generated set less that of the second.
        influences: of the reference, the first and the second set, by `of_difference`.
        groups: of the same three, the cluster of each sample.
        paired: whether clusters of one name are the same draw in both generated sets, such as answers to one prompt.
        level: of the interval, such as 0.95.
        minimum: fewest clusters in any of the three for which there is an answer.
        halved: influences within two halves, from `halves`; see `vidgauge.metrics.uncertainty.influence`.
    """
    if reason := too_few([len(set(names)) for names in groups], minimum):
        return Difference(value, none_for(reason), None)
    whole, half = (_sums(of_all, groups, paired) for of_all in (influences, halved))
    known = variance(whole, half)
    interval = around(value, known, level=level, covers=DIFFERENCE)
    error = np.sqrt(known.value)
    chance = 2 * stdtr(known.degrees, -abs(value) / error) if error > 0 else float(value == 0)
    return Difference(value, interval, float(chance))


def of_difference(first: Influences, second: Influences) -> tuple[Array, Array, Array]:
    """Influences on a difference, from those of reference and generated set on its two sides."""
    (reference, a), (again, b) = (list(map(np.asarray, of_one)) for of_one in (first, second))
    return reference - again, a, -b


def halves(groups: Sequence[Names], seed: int, *, paired: bool) -> list[Part]:
    """Two halves of reference, first and second set, for `in_parts`; pairs stay together."""
    reference, generated = cut(groups[:1], 2, seed), cut(groups[1:], 2, seed, shared=paired)
    return [of_reference + of_both for of_reference, of_both in zip(reference, generated, strict=True)]


def _sums(influences: Sequence[ArrayLike], groups: Sequence[Names], paired: bool) -> list[Array]:
    if not influences:
        return []
    return [cluster_sums(influences[:1], groups[:1]), *sums_of_sets(influences[1:], groups[1:], shared=paired)]
