"""Whether two sets can be told apart at all: what if chance alone said which video is in which set?

An interval cannot answer that: between sets of one distribution a Fréchet distance is positive all the same. If labels
mean nothing, every way of giving them to the videos is as likely as the one that was found, so the rank of its
statistic among theirs is an exact test (Fisher 1935; for kernel distances Gretton et al. 2012).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from vidgauge.metrics.arrays import Array
from vidgauge.metrics.uncertainty.clusters import Names, numbered
from vidgauge.metrics.uncertainty.replicates import replicated

Labels = NDArray[np.bool_]
"""For each cluster, whether it is labelled anew: in the second set, or, of a pair, swapped."""


@dataclass(frozen=True)
class Permutation:
    """What a permutation test says."""

    value: float
    """Of the labels as they are."""
    p: float
    """The share of labellings whose value is at least that large."""
    labellings: int
    exact: bool
    """Whether these are all that there are, and not some at random beside the one that was found."""


def permutation_test(
    statistic: Callable[[Array, Array], float],
    groups: Sequence[Names],
    *,
    replicates: int,
    seed: int,
    paired: bool = False,
    threads: int | None = None,
    announce: Callable[[float], None] = lambda _: None,
) -> Permutation:
    """How large the statistic of two sets is among those of all labellings of their clusters.

    Each set keeps its number of clusters. Where there are no more labellings than ``replicates``, all are tried.

    Args:
        statistic: large where sets differ; takes how often each sample of both sets together, the first set's first,
            counts in the first set and in the second. ``FrechetDistance(both, both)`` and
            ``KernelDistance(both, both, clusters, clusters)`` are such. For two generated sets against one reference:
            ``lambda a, b: abs(d(ones, a) - d(ones, b))`` with ``d = FrechetDistance(reference, both)``.
        groups: for each of the two sets, the cluster of each sample. Clusters of different sets are different ones
            even if they bear one name, unless they are paired.
        replicates: how many labellings at random.
        seed: of the drawing.
        paired: whether clusters of one name are a pair, such as two answers to one prompt: then the two swap sets
            or do not. A cluster without its like in the other set is an answer beside no other, and swaps too.
        threads: how many at once; as many as there are processors if not given. The result is the same for any.
        announce: told what fraction is done.
    """
    first = np.arange(sum(map(len, groups))) < len(groups[0])
    codes = np.concatenate(numbered(groups if paired else _apart(groups)))
    clusters = int(codes.max()) + 1
    if paired:
        start, everything = np.zeros(clusters, dtype=bool), 2**clusters
    else:
        start = np.ones(clusters, dtype=bool)
        start[codes[first]] = False
        everything = math.comb(clusters, int(start.sum()))

    def value(labels: Labels) -> float:
        in_second = labels[codes] ^ ~first if paired else labels[codes]
        return statistic((~in_second).astype(np.float64), in_second.astype(np.float64))

    found = value(start)
    exact = everything <= replicates
    if exact:
        labellings = list(_all(start, paired))
        values = replicated(lambda number: value(labellings[number]), everything, threads=threads, announce=announce)
    else:

        def at_random(number: int) -> float:
            generator = np.random.default_rng([seed, number])
            return value(generator.random(clusters) < 0.5 if paired else generator.permutation(start))

        values = replicated(at_random, replicates, threads=threads, announce=announce)
    as_large = int(np.sum(values >= found - 1e-10 * abs(found)))  # what rounding makes of equal ones
    share = as_large / everything if exact else (1 + as_large) / (1 + replicates)
    return Permutation(found, share, len(values), exact)


def _apart(groups: Sequence[Names]) -> list[Names]:
    return [[f"{place} {name}" for name in names] for place, names in enumerate(groups)]


def _all(start: Labels, paired: bool) -> Iterator[Labels]:
    if paired:
        yield from (np.array(labels) for labels in product([False, True], repeat=len(start)))
        return
    for chosen in combinations(range(len(start)), int(start.sum())):
        labels = np.zeros(len(start), dtype=bool)
        labels[list(chosen)] = True
        yield labels
