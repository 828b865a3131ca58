"""The schedule of looks, the rules for stopping, and what both do to verdicts: simulated."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import scipy.stats

from vidgauge.bench.timing.schedule import LEVEL, LOOKS, error_at
from vidgauge.bench.timing.statistics import Estimate, Verdict, outside, paired_ratio, verdict
from vidgauge.bench.timing.stopping import Stop, on_plateau, rounds_to_decide, stop_at_look

ROUNDS = 150
Noise = Callable[[np.random.Generator, int], np.ndarray]
"""Log times of so many samples, one after the other."""


def heavy_tails(rng: np.random.Generator, n: int) -> np.ndarray:
    return 0.03 * rng.standard_t(2, n)


def interruptions(rng: np.random.Generator, n: int) -> np.ndarray:
    return 0.02 * rng.standard_normal(n) + np.log1p((rng.random(n) < 0.15) * rng.exponential(1.0, n))


def drift(rng: np.random.Generator, n: int) -> np.ndarray:
    now, path = 0.0, []
    for step in 0.05 * rng.standard_normal(n):
        now = 0.6 * now + step
        path.append(now)
    return np.asarray(path)


def two_speeds(rng: np.random.Generator, n: int) -> np.ndarray:
    return 0.02 * rng.standard_normal(n) + 0.35 * (np.cumsum(rng.random(n) < 0.05) % 2)


def run(noise: Noise, slowdown: float, rng: np.random.Generator) -> Verdict:
    """One run of two variants and a bystander in random orders, to a decision or the last round."""
    logs = noise(rng, 3 * ROUNDS).reshape(ROUNDS, 3)
    times = np.exp(rng.permuted(logs, axis=1))  # whatever the machine does, chance says who meets it
    a, b = slowdown * times[:, 0], times[:, 1]
    for look in (look for look in LOOKS if look < ROUNDS):
        if stop_at_look({"a": a[:look].tolist(), "b": b[:look].tolist()}, [("a", "b")], 0.01):
            return verdict(paired_ratio(a[:look].tolist(), b[:look].tolist()))
    return verdict(paired_ratio(a.tolist(), b.tolist()))


@pytest.mark.parametrize("noise", [heavy_tails, interruptions, drift, two_speeds])
def test_identical_code_is_hardly_ever_told_apart(noise: Noise) -> None:
    rng = np.random.default_rng(7)
    found = [run(noise, 1.0, rng) for _ in range(400)]
    assert found.count(Verdict.FASTER) + found.count(Verdict.SLOWER) <= 4  # of 400: at most 1 %


@pytest.mark.parametrize("noise", [heavy_tails, interruptions, drift, two_speeds])
def test_a_slow_down_of_5_percent_is_found(noise: Noise) -> None:
    rng = np.random.default_rng(8)
    found = [run(noise, 1.05, rng) for _ in range(50)]
    assert found.count(Verdict.SLOWER) >= 45


def test_the_errors_of_all_looks_and_of_the_end_add_up_to_the_level() -> None:
    scheduled = [error_at(look) for look in LOOKS]
    assert sum(scheduled) + error_at(12) == pytest.approx(1 - LEVEL)
    assert len(set(scheduled)) == 1


def test_looks_are_spaced_geometrically_from_the_first_that_can_decide() -> None:
    assert all(later / earlier == pytest.approx(1.5, abs=0.06) for earlier, later in pairwise(LOOKS))
    assert outside(LOOKS[0], error_at(LOOKS[0])) > 0
    assert outside(LOOKS[0] - 1, error_at(LOOKS[0])) == 0


def test_stops_once_all_pairs_are_decided() -> None:
    steady = np.random.default_rng(0).uniform(0.999, 1.001, (3, 20))
    seconds = {"base": steady[0].tolist(), "same": steady[1].tolist(), "slow": (1.5 * steady[2]).tolist()}
    pairs = [("same", "base"), ("slow", "base")]
    assert stop_at_look(seconds, pairs, 0.01) is Stop.DECIDED
    seconds["same"] = (steady[1] * np.random.default_rng(1).lognormal(0, 0.5, 20)).tolist()
    assert stop_at_look(seconds, pairs, 0.01) is None
    assert stop_at_look(seconds, [("slow", "base")], 0.01) is Stop.DECIDED


def test_stops_where_the_noise_grows_faster_than_the_rounds() -> None:
    rng = np.random.default_rng(0)
    calm, wild = rng.lognormal(0, 0.02, 33), rng.lognormal(0, 0.5, 33)
    seconds = {"a": [*calm, *wild], "b": [1.0] * 66}
    assert on_plateau(seconds["a"], seconds["b"])
    assert stop_at_look(seconds, [("a", "b")], 0.01) is Stop.PLATEAU
    assert not on_plateau([*wild, *calm], [1.0] * 66)
    assert not on_plateau(seconds["a"][20:], [1.0] * 46)  # too few rounds to tell


def test_steady_noise_is_seldom_taken_for_a_plateau() -> None:
    rng = np.random.default_rng(2)
    assert sum(on_plateau(rng.lognormal(0, 0.1, 66).tolist(), [1.0] * 66) for _ in range(300)) <= 9


@pytest.mark.parametrize(
    ("low", "value", "high", "expected"),
    [
        (-0.02, 0.04, 0.10, 100 * (0.06 / 0.04) ** 2 - 100),  # slower once the lower end reaches 1
        (-0.10, -0.04, 0.02, 100 * (0.06 / 0.04) ** 2 - 100),
        (-0.03, 0.0, 0.03, 100 * (0.03 / math.log(1.01)) ** 2 - 100),  # equal once both ends are inside
        (-0.001, 0.005, 0.02, 100 * (0.015 / (math.log(1.01) - 0.005)) ** 2 - 100),
        (-0.02, math.log(1.01) - 1e-6, 0.03, math.inf),  # on the threshold
        (0.02, 0.04, 0.06, 0),
        (-0.005, 0.0, 0.005, 0),
    ],
)
def test_rounds_that_are_missing(low: float, value: float, high: float, expected: float) -> None:
    ratio = Estimate(math.exp(value), math.exp(low), math.exp(high), n=100)
    assert rounds_to_decide(ratio, 0.01) == pytest.approx(expected, abs=1)  # whole rounds


def test_rounds_that_are_missing_to_an_interval() -> None:
    assert rounds_to_decide(Estimate(1.2, None, None, n=4), 0.01) == 5


def test_the_estimate_of_missing_rounds_comes_true() -> None:
    """With so many more rounds, about half of all runs are decided; with four times as many, nearly all."""
    rng = np.random.default_rng(3)
    typical = np.exp(np.log(1.03) + 0.1 * scipy.stats.norm.ppf((np.arange(60) + 0.5) / 60))
    missing = rounds_to_decide(paired_ratio(typical.tolist(), [1.0] * 60), 0.01)
    assert 0 < missing < 1000

    def decided(rounds: int) -> int:
        runs = np.exp(np.log(1.03) + rng.normal(0, 0.1, (100, rounds)))
        return sum(verdict(paired_ratio(one.tolist(), [1.0] * rounds)) is Verdict.SLOWER for one in runs)

    assert 20 <= decided(60 + int(missing)) <= 80
    assert decided(4 * (60 + int(missing))) >= 95


def test_a_plateau_ends_no_run_that_shows_a_difference() -> None:
    noise = np.concatenate([np.linspace(-0.1, 0.1, 33), np.linspace(-0.5, 0.5, 33)])
    equal, slower, base = np.exp(noise).tolist(), np.exp(noise + 0.03).tolist(), [1.0] * 66
    assert on_plateau(slower, base)
    assert verdict(paired_ratio(slower, base)) is Verdict.UNDECIDED
    assert stop_at_look({"a": slower, "b": base}, [("a", "b")], 0.01) is None
    assert stop_at_look({"a": equal, "b": base}, [("a", "b")], 0.01) is Stop.PLATEAU
