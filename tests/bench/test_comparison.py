"""The public comparison of callables."""

import math
import subprocess
import sys

import pytest

import vidgauge.bench
from vidgauge.bench import Comparison, Verdict, compare
from vidgauge.bench.timing.comparison import against
from vidgauge.bench.timing.rounds import Samples
from vidgauge.bench.timing.stopping import Stop
from vidgauge.errors import UsageError


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


def test_compare_says_who_is_faster_and_shows_its_floor() -> None:
    clock = Clock()
    variants = {"slow": lambda: clock.move(2.0), "fast": lambda: clock.move(1.0), "same": lambda: clock.move(2.0)}
    comparison = compare(variants, budget_seconds=100, clock=clock)
    assert comparison.verdict("fast", "slow") is Verdict.FASTER
    assert comparison.verdict("slow", "fast") is Verdict.SLOWER
    assert comparison.verdict("same", "slow") is Verdict.EQUAL
    ratio = comparison.ratio("fast", "slow")
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((0.5, 0.5, 0.5))
    assert comparison.noise_floor().value == pytest.approx(1.0)
    assert comparison.latency("slow").value == pytest.approx(2.0)
    assert comparison.latency("slow").n == len(comparison.samples["slow (again)"].seconds) >= 9


def test_compare_with_a_real_clock_keeps_its_rounds() -> None:
    comparison = compare({"sum": lambda: sum(range(100)), "max": lambda: max(range(100))}, budget_seconds=0.05)
    counts = {len(samples.seconds) for samples in comparison.samples.values()}
    assert len(counts) == 1
    assert counts.pop() >= 9
    assert all(samples.calls > 1 for samples in comparison.samples.values())


def test_the_run_says_why_it_stopped_and_how_it_measured() -> None:
    clock = Clock()
    variants = {"slow": lambda: clock.move(2.0), "fast": lambda: clock.move(1.0)}
    comparison = compare(variants, budget_seconds=1000, clock=clock, cache="cold", threshold=0.02)
    assert (comparison.stopped, comparison.clock, comparison.cache) == (Stop.DECIDED, "own", "cold")
    assert comparison.threshold == 0.02
    assert comparison.seconds == pytest.approx(13 * 5.0)
    assert comparison.seconds_to_decide("fast", "slow") is None
    text = str(comparison)
    assert "fast  1 s [1 s, 1 s]  x 0.5 [0.5, 0.5]  faster" in text
    assert "slow  2 s [2 s, 2 s]  baseline" in text
    assert "the baseline is x 1 [1, 1] of itself" in text
    assert "13 rounds in 65 s, own clock, cold cache; every verdict is decided" in text


def made(*ratios: float, threshold: float = 0.01, seconds: float | None = None) -> Comparison:
    """A comparison of two variants of which one takes a second."""
    ones = Samples(seconds=[1.0] * len(ratios), positions=[0] * len(ratios), calls=1)
    other = Samples(seconds=list(ratios), positions=[1] * len(ratios), calls=1)
    return Comparison({"a": ones, "b": other}, "a", threshold=threshold, seconds=seconds)


def test_the_threshold_is_the_comparisons() -> None:
    ratios = [1.029, 1.03, 1.031] * 5
    assert made(*ratios).verdict("b", "a") is Verdict.SLOWER
    assert made(*ratios, threshold=0.05).verdict("b", "a") is Verdict.EQUAL


def test_undecided_comparisons_say_what_they_lack() -> None:
    wide = made(*[0.9, 1.1, 1.3] * 4)
    assert wide.verdict("b", "a") is Verdict.UNDECIDED
    missing = wide.seconds_to_decide("b", "a")
    assert missing is not None
    rounds = math.ceil(12 * (math.log(1.1 / 0.9) / math.log(1.1)) ** 2 - 12)
    assert missing == pytest.approx(rounds * (12 * 1.0 + 4 * 3.3) / 12)
    assert f"undecided: about {missing:.2g} s more would decide it" in wide.summary()
    timed = made(*[0.9, 1.1, 1.3] * 4, seconds=48.0)
    assert timed.seconds_to_decide("b", "a") == pytest.approx(rounds * 4.0)

    on_threshold = made(*[1.0, 1.00999, 1.02] * 4)
    assert on_threshold.seconds_to_decide("b", "a") == math.inf
    assert "it sits on the threshold of 0.01, so no time would decide it" in on_threshold.summary()

    few = made(1.5, 1.5, 1.5, 1.5, 1.5)
    assert few.ratio("b", "a").no_interval == "fewer than 9 rounds"
    assert few.seconds_to_decide("b", "a") == pytest.approx(4 * 2.5)
    assert "fewer than 9 rounds" in few.summary()


def test_without_its_baseline_only_times_are_summed_up() -> None:
    alone = Comparison({"b": Samples(seconds=[2e-3] * 9, positions=[0] * 9, calls=1)}, "a")
    assert alone.summary().startswith("b  2 ms [2 ms, 2 ms]\n9 rounds, wall clock")


def test_one_variant_is_compared_with_itself() -> None:
    clock = Clock()
    comparison = compare({"only": lambda: clock.move(1.0)}, budget_seconds=1000, clock=clock)
    assert comparison.stopped is Stop.DECIDED
    assert against("only", comparison.samples) == [("only (again)", "only")]


def test_named_clocks_are_accepted_and_others_refused() -> None:
    comparison = compare({"sum": lambda: sum(range(100))}, budget_seconds=0.02, clock="cpu")
    assert comparison.clock == "cpu"
    assert "cpu clock" in str(comparison)
    with pytest.raises(UsageError, match="no clock 'sundial'"):
        compare({"a": lambda: None}, clock="sundial")  # type: ignore[arg-type] # the error is the point


def test_wrong_use_is_explained() -> None:
    with pytest.raises(UsageError, match="at least one variant"):
        compare({})
    with pytest.raises(UsageError, match="budget of 0 s"):
        compare({"a": lambda: None}, budget_seconds=0)
    with pytest.raises(UsageError, match="threshold of -1"):
        compare({"a": lambda: None}, threshold=-1)
    clock = Clock()
    comparison = compare({"first": lambda: clock.move(1.0)}, clock=clock)
    with pytest.raises(UsageError, match="did you mean 'first'"):
        comparison.ratio("frist", "first")


def test_bench_imports_without_torch() -> None:
    code = "import sys, vidgauge.bench; vidgauge.bench.compare; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0


def test_unknown_names_are_attribute_errors() -> None:
    assert not hasattr(vidgauge.bench, "nothing")
