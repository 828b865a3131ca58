"""Callables side by side: which one is faster, by how much, and whether that can be said at all."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from vidgauge.bench.timing import schedule, statistics
from vidgauge.bench.timing.cache import CacheName
from vidgauge.bench.timing.clocks import Clock, ClockName, find_clock
from vidgauge.bench.timing.rounds import Action, Samples, TimingRule, run_rounds
from vidgauge.bench.timing.statistics import THRESHOLD, Estimate, Verdict
from vidgauge.bench.timing.stopping import Pair, Stop, rounds_to_decide
from vidgauge.errors import UsageError, near_misses


def again(name: str) -> str:
    """The label under which a baseline runs a second time, so that the noise floor is seen."""
    return f"{name} (again)"


def against(baseline: str, names: Iterable[str]) -> list[Pair]:
    """The verdicts that a run is for: each variant's against the baseline, or the baseline's own where it is alone."""
    others = [name for name in names if name not in (baseline, again(baseline))]
    return [(name, baseline) for name in others or [again(baseline)]]


@dataclass(frozen=True)
class Comparison:
    """Times of several variants from the same rounds."""

    samples: dict[str, Samples]
    """Every time, by variant; the baseline's second run is among them."""
    baseline: str
    """The variant that ran twice."""
    seed: int = 0
    """Of the bootstrap."""
    threshold: float = THRESHOLD
    """The least difference that matters, as a fraction."""
    clock: str = "wall"
    """What told the time."""
    cache: str = "warm"
    """What caches held when a sample started."""
    stopped: Stop | None = None
    """Why there are no more rounds, where that is known."""
    seconds: float | None = None
    """How long the rounds took by the wall clock, where that is known."""

    def latency(self, name: str) -> Estimate:
        """The median time of one call, seconds."""
        return statistics.median(self._of(name).seconds, self.seed)

    def ratio(self, a: str, b: str) -> Estimate:
        """Time of a over time of b, paired by round; below 1, a is faster."""
        return statistics.paired_ratio(self._of(a).seconds, self._of(b).seconds)

    def verdict(self, a: str, b: str) -> Verdict:
        """How a stands to b: FASTER, SLOWER, EQUAL or UNDECIDED, against the threshold."""
        return statistics.verdict(self.ratio(a, b), self.threshold)

    def noise_floor(self) -> Estimate:
        """The ratio of the baseline to itself. It should hold 1; its width is what this run could resolve."""
        return self.ratio(again(self.baseline), self.baseline)

    def seconds_to_decide(self, a: str, b: str) -> float | None:
        """How much longer the run would have to be for a verdict, if ratio and noise stay; an even bet at best.

        Returns:
            None where there is a verdict; infinity where the ratio sits on the threshold, so that no time would do.
            With fewer than nine rounds it is the time that is missing to them.
        """
        rounds = rounds_to_decide(self.ratio(a, b), self.threshold)
        return rounds * self._seconds_per_round() if rounds else None

    def summary(self) -> str:
        """A few lines: each variant's time, its ratio and verdict, the noise floor, and how all was measured."""
        names = [name for name in self.samples if name != again(self.baseline)]
        width = max(map(len, names))
        lines = [f"{name:{width}}  {self._line(name)}" for name in names]
        return "\n".join([*lines, *self._notes()])

    def __str__(self) -> str:
        return self.summary()

    def _line(self, name: str) -> str:
        latency = _interval(self.latency(name), _time)
        if name == self.baseline:
            return f"{latency}  baseline"
        if self.baseline not in self.samples:
            return latency
        ratio = _interval(self.ratio(name, self.baseline), "{:.4g}".format)
        verdict = self.verdict(name, self.baseline)
        return f"{latency}  x {ratio}  {verdict}{self._missing(name)}"

    def _missing(self, name: str) -> str:
        """What an undecided verdict lacks."""
        match self.seconds_to_decide(name, self.baseline):
            case None:
                return ""
            case math.inf:
                return f": it sits on the threshold of {self.threshold:.2g}, so no time would decide it"
            case seconds:
                return f": about {seconds:.2g} s more would decide it"

    def _notes(self) -> Iterator[str]:
        if {self.baseline, again(self.baseline)} <= set(self.samples):
            floor = _interval(self.noise_floor(), "{:.4g}".format)
            yield f"noise floor: the baseline is x {floor} of itself"
        rounds = len(next(iter(self.samples.values())).seconds)
        spent = "" if self.seconds is None else f" in {self.seconds:.3g} s"
        why = "" if self.stopped is None else f"; {self.stopped.meaning}"
        yield f"{rounds} rounds{spent}, {self.clock} clock, {self.cache} cache{why}"
        shares = [share for samples in self.samples.values() for share in samples.cpu_shares]
        if shares:
            median, least = np.quantile(shares, [0.5, 0.05])
            yield f"CPU time by wall time of the samples: median {median:.2f}, below {least:.2f} in one of 20"
        yield (
            f"[latencies: {statistics.LEVEL:.0%}, ratios: {schedule.LEVEL:.0%} intervals; "
            f"differences up to {self.threshold:.2g} do not matter]"
        )

    def _seconds_per_round(self) -> float:
        rounds = len(self._of(self.baseline).seconds)
        if self.seconds is not None:
            return self.seconds / rounds
        return sum(sum(samples.seconds) * samples.calls for samples in self.samples.values()) / rounds

    def _of(self, name: str) -> Samples:
        if name not in self.samples:
            raise UsageError(f"there is no variant {name!r}; {near_misses(name, list(self.samples))}")
        return self.samples[name]


def compare(
    variants: Mapping[str, Callable[[], object]],
    *,
    budget_seconds: float = 5.0,
    seed: int = 0,
    clock: ClockName | Clock | Callable[[], float] = "wall",
    cache: CacheName = "warm",
    threshold: float = THRESHOLD,
) -> Comparison:
    """Time callables against each other in interleaved rounds, until every verdict is decided or the budget is spent.

    Args:
        variants: functions without arguments, by name. The first is the baseline and runs twice, under two labels.
            A function that starts work elsewhere (a GPU) must wait for it to finish, unless the clock is a CUDA one.
        budget_seconds: about how long to take at most; nine rounds are run whatever they cost.
        seed: of the rounds' orders and of the bootstrap.
        clock: ``wall``, ``cpu`` (CPU time of this process: what to take on a loaded machine), ``cuda_events``,
            ``cuda_graph``, or any function that returns seconds.
        cache: ``warm``, or ``cold``: CPU caches, or the GPU's L2 under a CUDA clock, are flushed before each sample.
        threshold: the least difference that matters, as a fraction.

    Returns:
        the comparison; ask it for ``verdict(a, b)`` and ``ratio(a, b)``, or print it.

    Raises:
        UsageError: where there is no variant, budget or threshold is not positive, or there is no such clock.
    """
    if not variants or budget_seconds <= 0 or threshold <= 0:
        raise UsageError(
            f"got {len(variants)} variants, a budget of {budget_seconds} s and a threshold of {threshold}; "
            "give at least one variant and more than 0 of both"
        )
    timer = find_clock(clock)
    baseline = next(iter(variants))
    actions = {name: Action(function) for name, function in variants.items()}
    actions = {again(baseline): actions[baseline]} | actions
    rounds = run_rounds(
        actions,
        TimingRule(cache=cache, threshold=threshold),
        budget_seconds,
        np.random.default_rng(seed),
        pairs=against(baseline, variants),
        clock=timer,
        device="cuda" if timer.name.startswith("cuda") else "cpu",
    )
    return Comparison(rounds.samples, baseline, seed, threshold, timer.name, cache, rounds.stopped, rounds.seconds)


def _interval(estimate: Estimate, write: Callable[[float], str]) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{write(estimate.value)} ({estimate.no_interval})"
    return f"{write(estimate.value)} [{write(estimate.low)}, {write(estimate.high)}]"


def _time(seconds: float) -> str:
    """With a unit that leaves few digits before the point."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds * 1e9:.4g} ns"
