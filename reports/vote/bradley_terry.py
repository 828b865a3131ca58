"""Bradley and Terry's model: each system has a strength, and the odds of one against another are those of strengths.

Bradley and Terry, "Rank Analysis of Incomplete Block Designs: I. The Method of Paired Comparisons", 1952.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.sparse.csgraph import connected_components

from vidgauge.reports.vote.clustered import clustered_variance

_MOST_STEPS = 100
_SMALL = 1e-10


@dataclass(frozen=True)
class Strength:
    """A system's strength: log odds against the average system."""

    value: float
    low: float
    high: float


def bradley_terry(
    systems: int,
    winners_n: NDArray[np.int64],
    losers_n: NDArray[np.int64],
    prompts_n: NDArray[np.int64],
    raters_n: NDArray[np.int64],
    level: float,
) -> list[Strength]:
    """The most likely strengths, with intervals over prompts and raters.

    Args:
        systems: how many there are.
        winners_n: the preferred system of each vote, as a number from 0.
        losers_n: the other one.
        prompts_n: the vote's prompt, as a number from 0.
        raters_n: its rater, as a number from 0.
        level: of the intervals.

    Returns:
        A strength for each system; they sum to 0. The odds of i against j are ``exp(strength_i - strength_j)``.

    Raises:
        ValueError: where the votes know no most likely strengths, since some systems never lost against the others
            (Ford, "Solution of a Ranking Problem from Binary Comparisons", 1957).
    """
    wins_ij = np.zeros((systems, systems))
    np.add.at(wins_ij, (winners_n, losers_n), 1)
    if connected_components(wins_ij, directed=True, connection="strong")[0] > 1:
        raise ValueError("some systems never lost against the others, so that their strengths have no bound")
    strengths_i = _most_likely(wins_ij)
    surprise_n = _odds(strengths_i[losers_n] - strengths_i[winners_n])
    scores_ni = np.zeros((len(winners_n), systems))
    scores_ni[np.arange(len(winners_n)), winners_n] = surprise_n
    scores_ni[np.arange(len(winners_n)), losers_n] = -surprise_n
    influences_ni = scores_ni @ np.linalg.pinv(_information(wins_ij, strengths_i))
    return [
        _interval(float(value), influences_n, prompts_n, raters_n, level)
        for value, influences_n in zip(strengths_i, influences_ni.T, strict=True)
    ]


def _most_likely(wins_ij: NDArray[np.float64]) -> NDArray[np.float64]:
    """Newton's method with steps halved until the likelihood grows."""
    strengths_i = np.zeros(len(wins_ij))
    for _ in range(_MOST_STEPS):
        expected_ij = (wins_ij + wins_ij.T) * _odds(strengths_i[:, None] - strengths_i)
        step_i = np.linalg.pinv(_information(wins_ij, strengths_i)) @ (wins_ij - expected_ij).sum(1)
        while _likelihood(wins_ij, strengths_i + step_i) < _likelihood(wins_ij, strengths_i) - _SMALL:
            step_i /= 2
        strengths_i = strengths_i + step_i
        if np.abs(step_i).max() < _SMALL:
            break
    centred_i: NDArray[np.float64] = strengths_i - strengths_i.mean()
    return centred_i


def _odds(difference: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-difference))


def _likelihood(wins_ij: NDArray[np.float64], strengths_i: NDArray[np.float64]) -> float:
    return float(-(wins_ij * np.logaddexp(0, strengths_i - strengths_i[:, None])).sum())


def _information(wins_ij: NDArray[np.float64], strengths_i: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fisher's, a Laplacian: its null space is a common shift of all strengths."""
    preferred_ij = _odds(strengths_i[:, None] - strengths_i)
    weights_ij = (wins_ij + wins_ij.T) * preferred_ij * preferred_ij.T
    return np.diag(weights_ij.sum(1)) - weights_ij


def _interval(
    value: float,
    influences_n: NDArray[np.float64],
    prompts_n: NDArray[np.int64],
    raters_n: NDArray[np.int64],
    level: float,
) -> Strength:
    variance = clustered_variance(influences_n, prompts_n, raters_n)
    half = float(stats.t.ppf((1 + level) / 2, max(variance.degrees, 1.0))) * variance.value**0.5
    return Strength(value, value - half, value + half)
