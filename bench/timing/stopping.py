"""When to stop: once every verdict is decided or more rounds do not help, else when budget or rounds are used up."""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum

import numpy as np

from vidgauge.bench.timing.schedule import LOOKS, error_at
from vidgauge.bench.timing.statistics import FEWEST_PAIRED, Estimate, Verdict, outside, paired_ratio, verdict

Pair = tuple[str, str]
"""Two variants, of which one shall be faster than, slower than or equal to the other."""

_PLATEAU_FROM = 60
"""Rounds before which an interval may fail to shrink by chance."""
_HOPELESS = 1000
"""How many times the rounds so far are too many to be worth an estimate."""


class Stop(StrEnum):
    """Why a run of rounds ended."""

    DECIDED = "decided"
    PLATEAU = "plateau"
    BUDGET = "budget"
    MAX_ROUNDS = "max_rounds"

    @property
    def meaning(self) -> str:
        """The reason in words."""
        return _MEANINGS[self]


_MEANINGS = {
    Stop.DECIDED: "every verdict is decided",
    Stop.PLATEAU: "intervals no longer shrink",
    Stop.BUDGET: "the budget is spent",
    Stop.MAX_ROUNDS: "the most rounds of the rule are done",
}


def stop_at_look(seconds: Mapping[str, Sequence[float]], pairs: Sequence[Pair], threshold: float) -> Stop | None:
    """Whether a run may stop after one of the scheduled numbers of rounds; at others it must not be asked.

    Args:
        seconds: the times of each variant, one a round.
        pairs: which verdicts are wanted.
        threshold: the practical threshold of the verdicts.

    Returns:
        DECIDED where every pair has its verdict; PLATEAU where no undecided one comes closer to being EQUAL; None to
        go on. A ratio beyond the threshold is worth all of the budget: one bad spell of the machine must not hide it.
    """
    ratios = {(a, b): paired_ratio(seconds[a], seconds[b]) for a, b in pairs}
    undecided = {pair: ratio for pair, ratio in ratios.items() if verdict(ratio, threshold) is Verdict.UNDECIDED}
    if not undecided:
        return Stop.DECIDED
    if all(
        abs(math.log(ratio.value)) <= math.log1p(threshold) and on_plateau(seconds[a], seconds[b])
        for (a, b), ratio in undecided.items()
    ):
        return Stop.PLATEAU
    return None


def on_plateau(seconds_a: Sequence[float], seconds_b: Sequence[float]) -> bool:
    """Whether the interval of the ratio is no narrower after all rounds than after the first half of them.

    Where noise stays as it is, twice the rounds narrow it to 0.71 of its width; where noise grows meanwhile, they do
    not. In simulated runs under steady noise, at most 1.8 % of a kind ended on this.
    """
    rounds = len(seconds_a)
    if rounds < max(LOOKS[0], _PLATEAU_FROM):
        return False
    logs = np.log(seconds_a) - np.log(seconds_b)
    return _width(logs, rounds) >= _width(logs[: rounds // 2], rounds)


def _width(logs: np.ndarray, rounds: int) -> float:
    """Of the interval of some log ratios, at the error that is allowed after so many rounds."""
    cut = outside(logs.size, error_at(rounds))
    ordered = np.sort(logs)
    return float(ordered[-cut] - ordered[cut - 1])


def rounds_to_decide(ratio: Estimate, threshold: float) -> float:
    """Further rounds until the ratio would have its verdict, if it stays and its interval shrinks as 1 / sqrt(rounds).

    Returns:
        0 where the verdict is known; what is missing to the fewest rounds where there is no interval yet; infinity
        where the ratio sits on the threshold, so that no number of rounds would do.
    """
    if verdict(ratio, threshold) is not Verdict.UNDECIDED:
        return 0
    if ratio.low is None or ratio.high is None:
        return FEWEST_PAIRED - ratio.n
    value, low, high, edge = math.log(ratio.value), math.log(ratio.low), math.log(ratio.high), math.log1p(threshold)
    if value > edge:  # slower, once the lower end has left 1
        shrink = [(value - low) / value]
    elif value < -edge:
        shrink = [(high - value) / -value]
    else:  # equal, once both ends are inside
        shrink = [
            (reach / room if room > 0 else math.inf)
            for reach, room in ((value - low, value + edge), (high - value, edge - value))
        ]
    needed = ratio.n * max(shrink) ** 2
    return math.ceil(needed - ratio.n) if needed <= _HOPELESS * ratio.n else math.inf
