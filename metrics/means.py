"""Means over samples, and what is made of them: the statistics of the measures that give each clip a number."""

from collections.abc import Iterable

import numpy as np

from vidgauge.metrics.arrays import Array


class Mean:
    """The mean of one number a sample.

    Args:
        values_n: (N,) numbers.
        least: what the mean is raised to where it lies below; nothing changes it there, so influences are 0.
    """

    def __init__(self, values_n: Array, least: float = -np.inf) -> None:
        self._values, self._least = values_n, least

    def __call__(self, *counts: Array) -> float:
        """The mean if sample i counts ``counts[0][i]`` times; once if nothing is given."""
        return max(float(np.average(self._values, weights=counts[0] if counts else None)), self._least)

    def influences(self) -> tuple[Array]:
        """For each sample how far it lies from the mean, over N."""
        mean = self._values.mean()
        return ((self._values - mean) / len(self._values) * (mean > self._least),)

    def values_by(self, names: Iterable[object]) -> dict[str, list[float]]:
        """The numbers of the samples by the name of each; nothing where the mean is another than theirs."""
        if self._values.mean() < self._least:
            return {}
        found: dict[str, list[float]] = {}
        for name, value in zip(names, self._values, strict=True):
            found.setdefault(str(name), []).append(float(value))
        return found


class RatioOfMeans:
    """The mean of one set over that of the other.

    Args:
        below_n: (N,) numbers of the set whose mean is divided by; its counts come first.
        above_m: (M,) numbers of the other set.
    """

    def __init__(self, below_n: Array, above_m: Array) -> None:
        self._below, self._above = Mean(below_n), Mean(above_m)

    def __call__(self, *counts: Array) -> float:
        """The ratio if sample i of set j counts ``counts[j][i]`` times; once if nothing is given."""
        return self._above(*counts[1:]) / self._below(*counts[:1])

    def influences(self) -> tuple[Array, Array]:
        """By the rule for quotients."""
        (below,), (above,) = self._below.influences(), self._above.influences()
        return -self() / self._below() * below, above / self._below()
