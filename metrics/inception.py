"""The Inception Score: how sure a classifier is of each sample, and how evenly the classes come (arXiv 1606.03498)."""

from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from vidgauge.errors import UsageError, near_misses
from vidgauge.metrics.arrays import Array, CheckedRows, checked_counts, equal_parts
from vidgauge.metrics.statistic import Rows

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


def inception_score(probabilities_nk: ArrayLike | Rows, splits: int = 1, weights: ArrayLike | None = None) -> float:
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
    return float(InceptionScore(probabilities_nk, Convention("", splits)).of_parts(weights).mean())


def inception_scores(
    probabilities_nk: ArrayLike | Rows, convention: InceptionConvention, weights: ArrayLike | None = None
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
    return InceptionScore(probabilities_nk, CONVENTIONS[convention]).of_parts(weights)


class InceptionScore:
    """The score of samples as a function of how often each counts; rows are read in blocks, whatever their number.

    Args:
        probabilities_nk: (N, K) class probabilities; an array, or what comes block by block from a disk.
        convention: how they are cut into parts, of which the score is the mean; one of `CONVENTIONS`.

    Raises:
        UsageError: as `inception_score`.
    """

    def __init__(self, probabilities_nk: ArrayLike | Rows, convention: Convention) -> None:
        self._rows, self._epsilon = CheckedRows(probabilities_nk, "probabilities", 2), convention.epsilon
        n, self._parts = len(self._rows), convention.parts
        if not 1 <= self._parts <= n:
            raise UsageError(f"splits must lie between 1 and the number of samples, {n}; it is {self._parts}")
        order = np.arange(n) if convention.shuffle is None else np.random.RandomState(convention.shuffle).permutation(n)
        self._part_n = np.empty(n, dtype=np.intp)
        for number, part in enumerate(equal_parts(n, self._parts)):
            self._part_n[order[part]] = number
        self._own_n = np.empty(n)
        for part, rows in self._rows.blocks():
            if (rows < 0).any() or (np.abs(rows.sum(axis=1) - 1) > 1e-3).any():
                raise UsageError(
                    "inception_score needs rows that are probabilities (at least 0, sum 1); pass them through a softmax"
                )
            self._own_n[part] = xlogy(rows, rows + self._epsilon).sum(axis=1)  # 0 log 0 = 0

    def __call__(self, *counts: Array) -> float:
        """The mean over the parts in which anything counts."""
        return float(self.of_parts(*counts).mean())

    def of_parts(self, counts_n: ArrayLike | None = None) -> Array:
        """The score of each part in which anything counts, when sample i counts ``counts_n[i]`` times; or once."""
        counts = checked_counts(counts_n, len(self._rows))
        sizes, own, marginal_pk = self._means(counts)
        scores: Array = np.exp(own - xlogy(marginal_pk, marginal_pk + self._epsilon).sum(axis=1))
        return scores[sizes > 0]

    def influences(self) -> tuple[Array]:
        """For each sample, by the chain rule through its part's two means, over the number of parts."""
        sizes, own, marginal_pk = self._means(np.ones(len(self._rows)))
        inside_pk = np.where(marginal_pk > 0, marginal_pk + self._epsilon, 1)  # a class that never comes has no share
        slope_pk = np.log(inside_pk) + marginal_pk / inside_pk  # d/dm of m log(m + e)
        score = np.exp(own - (marginal_pk * np.log(inside_pk)).sum(axis=1))
        offset = own - (marginal_pk * slope_pk).sum(axis=1)
        found = np.empty(len(self._rows))
        for block, rows in self._rows.blocks():
            part = self._part_n[block]
            of_marginal = np.einsum("nk,nk->n", rows, slope_pk[part])
            found[block] = (score / sizes)[part] * (self._own_n[block] - of_marginal - offset[part])
        return (found / self._parts,)

    def _means(self, counts_n: Array) -> tuple[Array, Array, Array]:
        """Of each part: how much counts, the mean of ``sum p log p``, and the mean of p, (parts, K)."""
        sums_pk = np.zeros((self._parts, self._rows.shape[1]))
        for block, rows in self._rows.blocks():
            for number in np.unique(self._part_n[block]):
                members = self._part_n[block] == number
                sums_pk[number] += counts_n[block][members] @ rows[members]
        sizes: Array = np.bincount(self._part_n, counts_n, self._parts).astype(np.float64, copy=False)
        divisor = np.where(sizes > 0, sizes, 1)
        own = np.bincount(self._part_n, counts_n * self._own_n, self._parts) / divisor
        return sizes, own, sums_pk / divisor[:, None]
