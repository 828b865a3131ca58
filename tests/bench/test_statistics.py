"""Intervals against scipy and the binomial distribution; verdicts against their definition."""

import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats

from vidgauge.bench.timing.statistics import Estimate, Verdict, median, outside, paired_ratio, verdict
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


def test_few_rounds_have_no_interval_and_say_so() -> None:
    assert median([1.0] * 4, seed=0).no_interval == "fewer than 5 rounds"
    assert median([1.0] * 5, seed=0).low == 1.0
    few, enough = paired_ratio([1.2] * 8, [1.0] * 8), paired_ratio([1.2] * 9, [1.0] * 9)
    assert (few.low, few.high, few.no_interval) == (None, None, "fewer than 9 rounds")
    assert enough.low == pytest.approx(1.2)
    assert not enough.no_interval


def test_ratio_is_the_median_of_paired_ratios() -> None:
    ratio = paired_ratio([2.0, 30.0, 4.0], [1.0, 10.0, 1.0])
    assert ratio.value == pytest.approx(3.0)
    assert (ratio.low, ratio.high, ratio.n) == (None, None, 3)


def test_ratio_the_other_way_round_is_the_reciprocal() -> None:
    rng = np.random.default_rng(3)
    for n in (9, 13, 31):
        a, b = rng.gamma(9.0, size=(2, n)).tolist()
        there, back = paired_ratio(a, b), paired_ratio(b, a)
        assert there.low is not None
        assert there.high is not None
        assert (back.value, back.low, back.high) == pytest.approx((1 / there.value, 1 / there.high, 1 / there.low))


def test_pairing_removes_what_both_suffer() -> None:
    rng = np.random.default_rng(5)
    load = rng.gamma(2.0, size=20) + 1  # the machine is between one and ten times slower
    ratio = paired_ratio((1.2 * load).tolist(), load.tolist())
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((1.2, 1.2, 1.2))
    assert verdict(ratio) is Verdict.SLOWER


@pytest.mark.parametrize("n", [*range(9, 60), 148, 400])
@pytest.mark.parametrize("error", [0.01 / 2, 0.01 / 24])
def test_the_bounds_are_the_innermost_that_the_binomial_allows(n: int, error: float) -> None:
    """The interval from the k-th value to the k-th last misses the median where fewer than k values lie on one side."""
    cut = outside(n, error)

    def missed(k: int) -> Fraction:
        return Fraction(2 * sum(math.comb(n, below) for below in range(k)), 2**n)

    assert missed(cut) <= error < missed(cut + 1)


@pytest.mark.parametrize("n", [9, 12, 30, 98])
def test_intervals_are_the_quantiles_of_scipy(n: int) -> None:
    a, b = np.random.default_rng(n).lognormal(size=(2, n))
    theirs = scipy.stats.quantile_test(np.log(a / b), p=0.5).confidence_interval(confidence_level=0.995)
    ours = paired_ratio(a.tolist(), b.tolist())
    assert (ours.low, ours.high) == pytest.approx(np.exp(np.asarray(theirs)))


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
        paired_ratio([1.0], [1.0, 2.0])
    with pytest.raises(UsageError, match="zero or negative"):
        paired_ratio([0.0], [1.0])
    with pytest.raises(UsageError, match="no times"):
        median([], seed=0)
