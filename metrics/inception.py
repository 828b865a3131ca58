"""The Inception Score: how sure a classifier is of each sample, and how evenly the classes come (arXiv 1606.03498)."""

from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from vidgauge.errors import UsageError, near_misses
from vidgauge.metrics.arrays import Array, checked, checked_counts, equal_parts

InceptionConvention = Literal["whole", "tgan", "tganv2", "stylegan-v", "magvit", "torch-fidelity"]
"""How published code cuts samples into parts that are scored apart and averaged. `CONVENTIONS` says what each does."""


class Convention(NamedTuple):
    """One way from class probabilities to a score."""

    used_by: str
    parts: int = 1
    """How many parts of one size; they follow each other in the order of the samples."""
    samples: int | None = None
    """Of all parts together, as published; None where any number is."""
    shuffle: int | None = None
    """Seed of NumPy's legacy generator, where the samples are shuffled first."""
    epsilon: float = 0.0
    """Added inside both logarithms."""
    spread: str = ""
    """What the published standard deviation is taken over."""


CONVENTIONS: dict[InceptionConvention, Convention] = {
    "whole": Convention("all samples in one part, nothing added"),
    # evaluation/calc_inception.py asks for 10,000 and takes whole batches of 48.
    "tgan": Convention("TGAN (arXiv 1611.06624)", samples=9984, epsilon=1e-7),
    "tganv2": Convention("TGANv2 (arXiv 1811.09245), DIGAN, TATS", 10, 20480, None, 1e-20, "independent loops"),
    "stylegan-v": Convention("StyleGAN-V (arXiv 2112.14683)", 10, 2048, 42, 0.0, "splits"),
    "magvit": Convention("MAGVIT (arXiv 2212.05199)", 4, 40000, None, 0.0, "repeats"),
    "torch-fidelity": Convention("torch-fidelity", 10, None, 2020, 0.0, "splits"),
}


def inception_score(probabilities_nk: ArrayLike, splits: int = 1, weights: ArrayLike | None = None) -> float:
    """``exp E_x KL(p(y|x) || p(y))``, averaged over equal splits of the samples in the order given.

    Args:
        probabilities_nk: (N, K) class probabilities, each row summing to 1; computed in float64.
        splits: in how many contiguous, equal parts the samples are scored. Fewer samples a split bias the score low, so
            scores with other splits are other measures.
        weights: (N,) how often each sample counts; once if not given.

    Returns:
        The score, between 1 and K.

    Raises:
        UsageError: if rows are not probabilities, or there are fewer samples than splits.
    """
    return float(_scores(probabilities_nk, Convention("", splits), weights).mean())


def inception_scores(
    probabilities_nk: ArrayLike, convention: InceptionConvention, weights: ArrayLike | None = None
) -> Array:
    """The scores of the parts that a published convention makes of the samples: its score is their mean.

    Args:
        probabilities_nk: (N, K) class probabilities, each row summing to 1. N need not be the published number, but
            each part's score is biased low the more, the fewer samples it has.
        convention: one of `CONVENTIONS`.
        weights: (N,) how often each sample counts; once if not given. A part in which nothing counts has no score.

    Returns:
        (parts,) scores; where papers give a standard deviation, it is theirs.

    Raises:
        UsageError: if rows are not probabilities, there are fewer samples than parts, or no such convention.
    """
    if convention not in CONVENTIONS:
        raise UsageError(
            f"no convention {convention!r}; {near_misses(str(convention), list(get_args(InceptionConvention)))}"
        )
    return _scores(probabilities_nk, CONVENTIONS[convention], weights)


def _scores(probabilities_nk: ArrayLike, convention: Convention, weights: ArrayLike | None) -> Array:
    probabilities, parts = checked(probabilities_nk, "probabilities", 2), convention.parts
    if (probabilities < 0).any() or (np.abs(probabilities.sum(axis=1) - 1) > 1e-3).any():
        raise UsageError(
            "inception_score needs rows that are probabilities (at least 0, sum 1); pass them through a softmax"
        )
    n = len(probabilities)
    if not 1 <= parts <= n:
        raise UsageError(f"splits must lie between 1 and the number of samples, {n}; it is {parts}")
    counts = checked_counts(weights, n)
    if convention.shuffle is not None:
        order = np.random.RandomState(convention.shuffle).permutation(n)
        probabilities, counts = probabilities[order], counts[order]
    cut = [part for part in equal_parts(n, parts) if counts[part].any()]
    return np.array([_score(probabilities[part], counts[part], convention.epsilon) for part in cut])


def _score(probabilities_nk: Array, counts_n: Array, epsilon: float) -> float:
    counts_n = counts_n / counts_n.sum()
    marginal_k = counts_n @ probabilities_nk
    # E KL(p || m) = E sum p log p - sum m log m, since E p = m; 0 log 0 = 0.
    own = counts_n @ xlogy(probabilities_nk, probabilities_nk + epsilon).sum(axis=1)
    return float(np.exp(own - xlogy(marginal_k, marginal_k + epsilon).sum()))
