"""Samples that belong together: clips of one source video, or answers to one prompt, are one draw, not several."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidgauge.metrics.arrays import Array

Names = Sequence[str] | NDArray[np.intp]
"""For each sample of a set, the cluster that it belongs to, by name or number."""
Part = tuple[NDArray[np.intp], ...]
"""Some samples of each set, by position, in order."""


def numbered(groups: Sequence[Names]) -> list[NDArray[np.intp]]:
    """For each sample of each set, the number of its cluster; clusters of one name are one, whatever the set."""
    codes = np.unique(np.concatenate([np.asarray(names) for names in groups]), return_inverse=True)[1]
    return np.split(codes, np.cumsum([len(names) for names in groups])[:-1])


def numbered_in_sets(groups: Sequence[Names], *, shared: bool) -> list[NDArray[np.intp]]:
    """The same; clusters of one name are one only within a set, unless sets share them."""
    return numbered(groups) if shared else [numbered([names])[0] for names in groups]


def cluster_sums(influences: Sequence[ArrayLike], groups: Sequence[Names]) -> Array:
    """For each cluster, the sum of its samples' influences over all sets given, which are centred set by set."""
    codes = numbered(groups)
    sums = np.zeros(max(int(code.max()) for code in codes) + 1)
    for code, influence in zip(codes, influences, strict=True):
        values = np.asarray(influence, dtype=np.float64)
        sums += np.bincount(code, weights=values - values.mean(), minlength=len(sums))
    return sums


def sums_of_sets(influences: Sequence[ArrayLike], groups: Sequence[Names], *, shared: bool) -> list[Array]:
    """The cluster sums of each set; of all sets together where clusters of one name are the same draw in all."""
    if shared:
        return [cluster_sums(influences, groups)]
    return [cluster_sums([of_set], [names]) for of_set, names in zip(influences, groups, strict=True)]


def cut(groups: Sequence[Names], parts: int, seed: int, *, shared: bool = False) -> list[Part]:
    """Disjoint parts of all sets, drawn at random, each with as many clusters of each set but for one.

    Parts of the same seed are nested: cut into twice as many, each falls in two.

    Args:
        groups: for each set, the cluster of each of its samples.
        parts: how many; no more than there are clusters in any set.
        seed: of the drawing.
        shared: whether clusters of one name are one and the same in all sets, and so fall into the same part.
    """
    generator = np.random.default_rng(seed)
    codes = numbered_in_sets(groups, shared=shared)
    together = [codes] if shared else [[code] for code in codes]
    part_of = [of for several in together for of in _parts_of(several, parts, generator)]
    return [tuple(np.flatnonzero(of == part) for of in part_of) for part in range(parts)]


def in_parts(influences_of: Callable[[Part], Sequence[ArrayLike]], pieces: Sequence[Part]) -> tuple[Array, ...]:
    """For each set (N,): the influence of each sample within its own part, centred there.

    Args:
        influences_of: the influences of the samples in a part, set by set, on the statistic of that part alone.
        pieces: disjoint parts that hold every sample, from `cut`.
    """
    of_parts = [influences_of(piece) for piece in pieces]
    whole = []
    for positions, influences in zip(
        zip(*pieces, strict=True), zip(*of_parts, strict=True), strict=True
    ):  # set by set: where its samples are in each part, and their influences
        laid = np.zeros(sum(map(len, positions)))
        for where, of_part in zip(positions, influences, strict=True):
            values = np.asarray(of_part, dtype=np.float64)
            laid[where] = values - values.mean()
        whole.append(laid)
    return tuple(whole)


def _parts_of(codes: Sequence[NDArray[np.intp]], parts: int, generator: np.random.Generator) -> list[NDArray[np.intp]]:
    """For each sample of some sets, the number of the part that its cluster falls into."""
    n_clusters = max(int(code.max()) for code in codes) + 1
    order = generator.permutation(n_clusters)
    part_of_cluster = np.empty(n_clusters, dtype=np.intp)
    edges = [part * n_clusters // parts for part in range(parts + 1)]
    for part, (start, end) in enumerate(pairwise(edges)):
        part_of_cluster[order[start:end]] = part
    return [part_of_cluster[code] for code in codes]
