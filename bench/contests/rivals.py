"""Tools that time two calls and say whether they differ: ours, and three that people use, each at the same budget.

Of each rival the machinery that takes its samples is its own, driven in this process. Its verdict is its own too where
it has one (asv; pytest-benchmark's gate); else it is what a careful user would conclude: medians more than 1 % apart
and interquartile ranges that do not meet. What no rule may do is claim a difference below the 1 % that we ignore.
"""

import importlib
import importlib.metadata
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter, process_time
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np

from vidgauge.bench.contests.work import Call
from vidgauge.bench.timing.comparison import compare
from vidgauge.bench.timing.rounds import Samples
from vidgauge.bench.timing.statistics import THRESHOLD, Verdict
from vidgauge.errors import VidgaugeError

Clock = Literal["wall", "cpu"]
_TIMERS = {"wall": perf_counter, "cpu": process_time}
_GATE_PERCENT = 5.0
_ASV_ROUNDS = 2
_ASV_WARMUP_SECONDS = 0.1


@dataclass(frozen=True)
class Claim:
    """What a tool says of two calls."""

    ratio: float
    """Time of the second over time of the first, as the tool sums up its samples."""
    verdict: Verdict
    """Of the second: FASTER and SLOWER claim a difference."""
    overhead: float | None = None
    """Time between samples as a share of the time in them, where the tool tells."""


@dataclass(frozen=True)
class Rival:
    """A tool."""

    package: str
    """The distribution it comes in."""
    judge: Callable[[Call, Call, float, Clock, int], dict[str, Claim]]
    """Given two calls, a budget in seconds, a clock and a seed, what each of its rules claims, by row of the table."""
    rows: tuple[str, ...]
    """What ``judge`` claims by."""


class MissingError(VidgaugeError):
    """A tool that is not installed."""


class BrokenError(VidgaugeError):
    """A tool that raised something."""


def version(rival: Rival) -> str:
    """The version of its distribution.

    Raises:
        MissingError: where it is not installed.
    """
    try:
        return importlib.metadata.version(rival.package)
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingError(f"{rival.package} is not installed") from error


def judge(tool: str, first: Call, second: Call, seconds: float, clock: Clock, seed: int) -> dict[str, Claim]:
    """What the tool of that name claims, by row of the table.

    Raises:
        BrokenError: whatever the tool raised: other people's tools change from version to version.
    """
    try:
        return RIVALS[tool].judge(first, second, seconds, clock, seed)
    except Exception as error:
        raise BrokenError(f"{type(error).__name__}: {error}"[:200]) from error


def ours(first: Call, second: Call, seconds: float, clock: Clock, seed: int) -> dict[str, Claim]:
    """``vidgauge.bench.compare``: interleaved rounds, which end early once the verdict is known."""
    found = compare({"first": first, "second": second}, budget_seconds=seconds, seed=seed, clock=clock)
    claim = Claim(found.ratio("second", "first").value, found.verdict("second", "first"))
    if clock == "wall" and found.seconds is not None:  # rounds are counted by the wall clock
        inside = sum(_total(samples) for samples in found.samples.values())
        claim = Claim(claim.ratio, claim.verdict, found.seconds / inside - 1)
    return {"vidgauge": claim}


def torch_timer(first: Call, second: Call, seconds: float, clock: Clock, seed: int) -> dict[str, Claim]:
    """``torch.utils.benchmark.Timer.blocked_autorange``, half the budget for each, one after the other."""
    from torch.utils.benchmark import Timer

    def sample(call: Call) -> Sequence[float]:
        timer = Timer("call()", globals={"call": call}, timer=_TIMERS[clock], num_threads=1)
        return timer.blocked_autorange(min_run_time=seconds / 2).times

    a, b = _one_after_the_other(sample, first, second, seed)
    ratio = float(np.median(b) / np.median(a))
    return {
        "torch.utils.benchmark": Claim(ratio, _quartiles_apart(a, b)),
        "two runs, medians compared": Claim(ratio, _beyond(ratio, THRESHOLD)),
    }


def pytest_benchmark(first: Call, second: Call, seconds: float, clock: Clock, seed: int) -> dict[str, Claim]:
    """The ``benchmark`` fixture of pytest-benchmark with its own calibration, half the budget for each."""
    a, b = _one_after_the_other(lambda call: _fixture_samples(call, seconds / 2, clock), first, second, seed)
    means = float(np.mean(b) / np.mean(a))
    gate = _module("pytest_benchmark.utils").PercentageRegressionCheck("mean", _GATE_PERCENT)
    failed = gate.fails({"mean": float(np.mean(b))}, {"mean": float(np.mean(a))})
    return {
        "pytest-benchmark": Claim(float(np.median(b) / np.median(a)), _quartiles_apart(a, b)),
        "pytest-benchmark, gate mean:5%": Claim(means, Verdict.SLOWER if failed else Verdict.UNDECIDED),
    }


def asv(first: Call, second: Call, seconds: float, clock: Clock, seed: int) -> dict[str, Claim]:
    """``TimeBenchmark`` of asv in two interleaved rounds, and the Mann-Whitney rule of ``asv compare``, factor 1.01."""
    is_better = _module("asv.commands.compare")._is_result_better
    compute_stats = _module("asv_runner.statistics").compute_stats
    part = seconds / 2 / _ASV_ROUNDS
    samples_a: list[float] = []
    samples_b: list[float] = []
    for _ in range(_ASV_ROUNDS):
        a, b = _one_after_the_other(lambda call: _asv_round(call, part, clock), first, second, seed)
        samples_a += a
        samples_b += b
    (time_a, stats_a), (time_b, stats_b) = compute_stats(samples_a, 1), compute_stats(samples_b, 1)
    of_a, of_b = (stats_a, samples_a), (stats_b, samples_b)
    if is_better(time_b, time_a, of_b, of_a, 1 + THRESHOLD):
        verdict = Verdict.FASTER
    elif is_better(time_a, time_b, of_a, of_b, 1 + THRESHOLD):
        verdict = Verdict.SLOWER
    else:
        verdict = Verdict.UNDECIDED
    return {"asv": Claim(time_b / time_a, verdict)}


RIVALS = {
    "vidgauge": Rival("vidgauge", ours, ("vidgauge",)),
    "torch": Rival("torch", torch_timer, ("torch.utils.benchmark", "two runs, medians compared")),
    "pytest-benchmark": Rival(
        "pytest-benchmark", pytest_benchmark, ("pytest-benchmark", "pytest-benchmark, gate mean:5%")
    ),
    "asv": Rival("asv", asv, ("asv",)),
}


def _module(name: str) -> Any:  # noqa: ANN401 - what other people's modules hold is theirs to say
    return importlib.import_module(name)


def _one_after_the_other(
    sample: Callable[[Call], Sequence[float]], first: Call, second: Call, seed: int
) -> tuple[list[float], list[float]]:
    """Samples of both; the seed draws which runs first, as nobody knows on which side a drift will fall."""
    if np.random.default_rng(seed).random() < 0.5:
        a = sample(first)
        return list(a), list(sample(second))
    b = sample(second)
    return list(sample(first)), list(b)


def _fixture_samples(call: Call, seconds: float, clock: Clock) -> list[float]:
    fixture_class, logger = (
        _module("pytest_benchmark.fixture").BenchmarkFixture,
        _module("pytest_benchmark.logger").Logger,
    )
    options: dict[str, Any] = {  # the defaults of its command line, but for timer and time
        "disable_gc": False,
        "timer": _module("pytest_benchmark.utils").NameWrapper(_TIMERS[clock]),
        "min_rounds": 5,
        "min_time": 5e-6,
        "max_time": seconds,
        "warmup": False,
        "warmup_iterations": 100_000,
        "calibration_precision": 10,
        "cprofile": None,
        "cprofile_loops": None,
        "cprofile_dump": None,
        "precision": None,
        "confidence": None,
    }
    known = inspect.signature(fixture_class).parameters  # versions differ by the options they have
    fixture = fixture_class(
        SimpleNamespace(name="call", nodeid="call"),
        add_stats=lambda _stats: None,
        logger=logger(logger.QUIET),
        warner=None,
        disabled=False,
        **{name: value for name, value in options.items() if name in known},
    )
    fixture(call)
    return [float(value) for value in fixture.stats.stats.data]


def _asv_round(call: Call, seconds: float, clock: Clock) -> list[float]:
    settings = SimpleNamespace(
        rounds=1,
        repeat=(1, 10_000, max(0.0, seconds - _ASV_WARMUP_SECONDS)),
        warmup_time=_ASV_WARMUP_SECONDS,
        timer=_TIMERS[clock],
    )
    benchmark = _module("asv_runner.benchmarks.time").TimeBenchmark("time_call", call, [settings])
    benchmark.do_setup()
    return [float(value) for value in benchmark.run()["samples"]]


def _quartiles_apart(a: Sequence[float], b: Sequence[float]) -> Verdict:
    """Different where medians are more than 1 % apart and interquartile ranges do not meet."""
    (low_a, high_a), (low_b, high_b) = np.quantile(a, [0.25, 0.75]), np.quantile(b, [0.25, 0.75])
    if low_a <= high_b and low_b <= high_a:
        return Verdict.UNDECIDED
    return _beyond(float(np.median(b) / np.median(a)), THRESHOLD)


def _beyond(ratio: float, threshold: float) -> Verdict:
    if ratio > 1 + threshold:
        return Verdict.SLOWER
    return Verdict.FASTER if ratio < 1 / (1 + threshold) else Verdict.UNDECIDED


def _total(samples: Samples) -> float:
    return sum(samples.seconds) * samples.calls
