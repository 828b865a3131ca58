"""Intervals against scipy and simulation; verdicts against their definition."""

import numpy as np
import pytest
import scipy.stats

from vidgauge.bench.timing.statistics import Estimate, Verdict, median, paired_ratio, verdict
from vidgauge.errors import UsageError


def test_median_interval_agrees_with_scipys_bootstrap() -> None:
    times = np.random.default_rng(1).gamma(5.0, size=60)
    ours = median(times.tolist(), seed=0)
    theirs = scipy.stats.bootstrap(
        (times,), np.median, method="percentile", n_resamples=20000, rng=np.random.default_rng(2)
    ).confidence_interval
    assert ours.value == np.median(times)
    assert ours.low == pytest.approx(theirs.low, rel=0.02)
    assert ours.high == pytest.approx(theirs.high, rel=0.02)


def test_ratio_is_the_median_of_paired_ratios() -> None:
    ratio = paired_ratio([2.0, 30.0, 4.0], [1.0, 10.0, 1.0], seed=0)
    assert ratio.value == pytest.approx(3.0)
    assert (ratio.low, ratio.high, ratio.n) == (None, None, 3)


def test_ratio_the_other_way_round_is_the_reciprocal() -> None:
    rng = np.random.default_rng(3)
    for n in (5, 8, 31):
        a, b = rng.gamma(9.0, size=(2, n)).tolist()
        there, back = paired_ratio(a, b, seed=4), paired_ratio(b, a, seed=4)
        assert there.low is not None
        assert there.high is not None
        assert (back.value, back.low, back.high) == pytest.approx((1 / there.value, 1 / there.high, 1 / there.low))


def test_pairing_removes_what_both_suffer() -> None:
    rng = np.random.default_rng(5)
    load = rng.gamma(2.0, size=20) + 1  # the machine is between one and ten times slower
    ratio = paired_ratio((1.2 * load).tolist(), load.tolist(), seed=0)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((1.2, 1.2, 1.2))
    assert verdict(ratio) is Verdict.SLOWER


@pytest.mark.parametrize("n", [5, 12, 30])
def test_intervals_cover_the_truth_about_as_often_as_they_say(n: int) -> None:
    rng = np.random.default_rng(6)
    trials = 250
    covered = 0
    for trial in range(trials):
        load, a, b = rng.lognormal(0, 0.5, n), rng.lognormal(0, 0.1, n), rng.lognormal(0, 0.1, n)
        ratio = paired_ratio((load * a).tolist(), (load * b).tolist(), seed=trial)
        assert ratio.low is not None
        assert ratio.high is not None
        covered += ratio.low <= 1 <= ratio.high
    assert covered / trials > 0.90


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (0.80, 0.70, 0.90, Verdict.FASTER),
        (1.20, 1.10, 1.30, Verdict.SLOWER),
        (1.00, 0.995, 1.005, Verdict.EQUAL),
        (1.005, 1.002, 1.008, Verdict.EQUAL),  # a difference, but of no importance
        (1.02, 0.99, 1.05, Verdict.UNDECIDED),
        (1.008, 1.004, 1.02, Verdict.UNDECIDED),  # excludes 1, yet the effect is below the threshold
        (0.80, 0.50, 1.10, Verdict.UNDECIDED),
        (0.50, None, None, Verdict.UNDECIDED),
    ],
)
def test_verdicts(value: float, low: float | None, high: float | None, expected: Verdict) -> None:
    assert verdict(Estimate(value, low, high, n=9)) is expected


def test_a_wider_threshold_turns_small_effects_into_equality() -> None:
    ratio = Estimate(1.03, 1.02, 1.04, n=9)
    assert verdict(ratio) is Verdict.SLOWER
    assert verdict(ratio, threshold=0.05) is Verdict.EQUAL


def test_unpaired_or_impossible_times_are_refused() -> None:
    with pytest.raises(UsageError, match="do not pair"):
        paired_ratio([1.0], [1.0, 2.0], seed=0)
    with pytest.raises(UsageError, match="zero or negative"):
        paired_ratio([0.0], [1.0], seed=0)
    with pytest.raises(UsageError, match="no times"):
        median([], seed=0)
