"""The public comparison of callables."""

import subprocess
import sys

import pytest

import vidgauge.bench
from vidgauge.bench import Verdict, compare
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
    assert comparison.latency("slow").n == len(comparison.samples["slow (again)"].seconds) >= 5


def test_compare_with_a_real_clock_keeps_its_rounds() -> None:
    comparison = compare({"sum": lambda: sum(range(100)), "max": lambda: max(range(100))}, budget_seconds=0.05)
    counts = {len(samples.seconds) for samples in comparison.samples.values()}
    assert len(counts) == 1
    assert counts.pop() >= 5
    assert all(samples.calls > 1 for samples in comparison.samples.values())


def test_wrong_use_is_explained() -> None:
    with pytest.raises(UsageError, match="at least one variant"):
        compare({})
    with pytest.raises(UsageError, match="budget of 0 s"):
        compare({"a": lambda: None}, budget_seconds=0)
    clock = Clock()
    comparison = compare({"first": lambda: clock.move(1.0)}, clock=clock)
    with pytest.raises(UsageError, match="did you mean 'first'"):
        comparison.ratio("frist", "first")


def test_bench_imports_without_torch() -> None:
    code = "import sys, vidgauge.bench; vidgauge.bench.compare; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0


def test_unknown_names_are_attribute_errors() -> None:
    assert not hasattr(vidgauge.bench, "nothing")
