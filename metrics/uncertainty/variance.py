"""The variance of a statistic from what each cluster contributes to it, and how well it is known.

A statistic of N samples is its expectation, plus a sum of terms of one sample each, of variance ``v1 / N``, plus a sum
over pairs of samples, of variance ``v2 / N^2`` (Hoeffding 1948). The infinitesimal jackknife (Jaeckel 1972; Efron
1982, chapter 6) adds up the squares of what the samples contribute. It finds ``v1 / N + 2 v2 / N^2``, since both
samples of a pair answer for it in full: too much where sets are alike, so that pairs are all there is. The same sum
within two halves of the sets finds ``v1 / (N/2) + 2 v2 / (N/2)^2`` in each. What is wanted follows from the two:
``v1 / N + v2 / N^2 = 3/2 whole - 1/4 half``. Neither term is negative, so it lies between half of ``whole`` and the
whole of it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vidgauge.metrics.arrays import Array

_WHOLE, _HALF = 1.5, -0.25
_FEWEST = 4


class Variance(NamedTuple):
    """Of a statistic."""

    value: float
    degrees: float
    """Of freedom: those of the Student distribution that the statistic by its standard error follows about."""


def variance(sums: Sequence[Array], halved: Sequence[Array] = ()) -> Variance:
    """The variance of a statistic.

    Args:
        sums: for each set, or each group of sets that share clusters, what each cluster contributes.
        halved: the same for clusters within their own half of the sets; without them, or with fewer than two clusters
            in a half, the variance is the infinitesimal jackknife's, which is too large rather than too small.
    """
    whole = [squares(of_set) for of_set in sums]
    terms = whole
    if halved and min(map(len, sums)) >= _FEWEST:
        # The mean over the two halves: each cluster is in one of them.
        terms = [_WHOLE * all_ + _HALF * squares(half, 2) / 2 for all_, half in zip(whole, halved, strict=True)]
    return bounded(terms, sum(float(of_set.sum()) for of_set in whole))


def bounded(terms: Sequence[Array], largest: float) -> Variance:
    """The sum of what each cluster of each set has in a variance, with its degrees of freedom.

    They are those of Welch and Satterthwaite, but for terms that vary as they do, not as squares of a normal variable
    would: heavy tails leave fewer degrees of freedom than the number of clusters says; never
    more are taken than it says.

    Args:
        terms: for each set (clusters,).
        largest: the infinitesimal jackknife's variance: the sum is kept between half of it and all of it.
    """
    value = float(np.clip(sum(of_set.sum() for of_set in terms), largest / 2, largest))
    noise = sum(max(_noise(of_set), 2 * of_set.sum() ** 2 / (len(of_set) - 1)) for of_set in terms)
    return Variance(value, max(1.0, 2 * value**2 / noise) if noise > 0 else np.inf)


def squares(sums: Array, means: float = 1) -> Array:
    """What each cluster of a set has in the infinitesimal jackknife's variance.

    Args:
        sums: (clusters,) what they contribute.
        means: how many means of the same clusters have been taken from them, which leave the squares too small: one for
            each part within which influences are centred.
    """
    return np.asarray((sums - sums.mean()) ** 2 * (len(sums) / (len(sums) - means)))


def _noise(terms: Array) -> float:
    """The variance of a sum of independent terms."""
    return float(np.sum((terms - terms.mean()) ** 2))
