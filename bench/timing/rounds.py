"""Randomised interleaved rounds: each round times every variant once, in a fresh random order.

Whatever slows the machine down for a while then slows all variants of a round alike, and the ratio of two times of the
same round stays. Timing one variant after the other on a shared machine calls identical code different in about half
of all trials. The orders are independent, because that is what the intervals of ``statistics`` rest on. Following
each order by its reverse, which balances positions, was tried in the simulation told of there and gained nothing: false
verdicts in 22 instead of 25 of 11,200 runs, and slow-downs found as often.

Between samples of 1 ms the harness takes 1.4 to 1.8 % of the time (three or seven variants, all cores free).
"""

import gc
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter, process_time
from typing import NamedTuple

import numpy as np
from pydantic import Field

from vidgauge.bench.timing.cache import CacheName, flusher
from vidgauge.bench.timing.clocks import Clock, ClockName, find_clock
from vidgauge.bench.timing.schedule import LOOKS
from vidgauge.bench.timing.statistics import FEWEST_PAIRED, THRESHOLD
from vidgauge.bench.timing.stopping import Pair, Stop, stop_at_look
from vidgauge.errors import UsageError
from vidgauge.record import Frozen

_WARM_UP_ROUNDS = 6
"""Rounds of warm-up for calls shorter than a sample.

Beside two busy processes one call of 1 ms in four was interrupted. With two rounds, a call that was interrupted in both
looked so long that it got fewer calls a sample, and 1 of 600 pairs of identical calls came out 3 times apart.
"""
_WARM_UP_SHARE = 0.2
"""Most of the budget that goes to those beyond the rule's."""
_LIKE = 10
"""How many times as long as the shortest a call may be, to get as many calls in a sample; longer ones cost too much."""


class TimingRule(Frozen):
    """How rounds are run; what changes the number, so what the protocol's fingerprint covers."""

    clock: ClockName = "wall"
    """What tells the time of a sample."""
    cache: CacheName = "warm"
    """What caches hold when a sample starts: what the rounds left there, or nothing of use."""
    threshold: float = Field(default=THRESHOLD, gt=0)
    """The least difference that matters: verdicts rest on it, and so does when rounds may stop."""
    warmup_rounds: int = Field(default=2, ge=1)
    """Fewest rounds whose times are not kept: first calls compile, allocate and fill caches."""
    min_rounds: int = Field(default=FEWEST_PAIRED, ge=1)
    """Rounds kept even where they exceed the budget: with fewer than nine there is no verdict."""
    max_rounds: int = Field(default=1000, ge=1)
    """Rounds after which to stop although budget is left."""
    min_sample_seconds: float = Field(default=1e-3, gt=0)
    """A sample repeats a faster call until it takes about this long, far above the clock's resolution."""


class Samples(Frozen):
    """All times of one variant, one for each round and in the order of the rounds; none is ever dropped."""

    seconds: list[float]
    """Time of one call (the mean over the sample's calls)."""
    positions: list[int]
    """At which place of the round's random order it ran, from 0."""
    calls: int
    """Calls in each sample."""
    cpu_shares: list[float] = Field(default_factory=list)
    """This process's CPU time by wall time in each sample, over all threads: where it falls, others had the CPU."""


@dataclass(frozen=True)
class Action:
    """What is timed."""

    run: Callable[..., object]
    """The timed call. It is given what ``prepare`` returned, if there is one."""
    prepare: Callable[[], object] | None = None
    """Runs before every call, outside the timed region: it may build the graph that ``run`` walks back."""


@dataclass(frozen=True)
class Rounds:
    """What came of running rounds."""

    samples: dict[str, Samples]
    """By name, all of the same length."""
    stopped: Stop
    """Why there are no more."""
    seconds: float
    """How long the kept rounds took in all, with what lies between the samples."""


class _Sample(NamedTuple):
    seconds: float
    cpu_share: float
    position: int = 0


def run_rounds(
    actions: Mapping[str, Action],
    rule: TimingRule,
    budget_seconds: float,
    rng: np.random.Generator,
    *,
    pairs: Sequence[Pair] = (),
    clock: ClockName | Clock | Callable[[], float] | None = None,
    device: str = "cpu",
    announce: Callable[[str, float], None] = lambda _name, _fraction: None,
) -> Rounds:
    """Time all actions in interleaved rounds until verdicts are decided or the budget is spent.

    Args:
        actions: by the name that labels them.
        rule: clock, cache mode, warm-up, bounds on the rounds, length of a sample.
        budget_seconds: stop before a round that would exceed it, warm-up included.
        rng: draws the orders.
        pairs: the verdicts that are wanted; once all are known, or no longer come closer, the rounds end. Without
            any they go on until budget or rule end them.
        clock: taken instead of the rule's.
        device: where the actions compute, so whose caches are flushed in cold mode.
        announce: told before each sample, outside the timed region, which action comes and what fraction of the
            budget is spent.

    Raises:
        UsageError: where there is no such clock here, or it cannot time an action that needs preparation.
    """
    timer = find_clock(rule.clock if clock is None else clock)
    if timer.replays and any(action.prepare is not None for action in actions.values()):
        raise UsageError(f"clock {timer.name!r} replays one call, so it cannot time calls that need preparation each")
    run = _Run(actions, rule, budget_seconds, rng, pairs, timer, flusher(rule.cache, device), announce, timer.now())
    with _no_garbage_collection():
        calls = run.calls()
        first = timer.now()
        while (stopped := run.why_stop()) is None:
            run.keep_round(calls)
        seconds = timer.now() - first
    samples = {name: _samples([one[name] for one in run.kept], calls[name]) for name in actions}
    return Rounds(samples, stopped, seconds)


@dataclass
class _Run:
    """Rounds under way."""

    actions: Mapping[str, Action]
    rule: TimingRule
    budget_seconds: float
    rng: np.random.Generator
    pairs: Sequence[Pair]
    clock: Clock
    flush: Callable[[], object]
    announce: Callable[[str, float], None]
    start: float
    kept: list[dict[str, _Sample]] = field(default_factory=list)
    longest: float = 0.0
    """Seconds of the longest round."""

    def one_round(self, calls: Mapping[str, int]) -> dict[str, _Sample]:
        names, samples = list(self.actions), {}
        for position, index in enumerate(self.rng.permutation(len(names))):
            name = names[index]
            self.announce(name, self.spent())
            sample = _sample(self.actions[name], calls[name], self.clock, self.flush)
            samples[name] = sample._replace(position=position)
        return samples

    def calls(self) -> dict[str, int]:
        """How many calls of each action make a sample; found by warming up.

        Where calls are so short that a sample has several, there are more rounds of warm-up, if they cost little: so
        that each action has a call that no interruption met.
        """
        once, quickest, done = dict.fromkeys(self.actions, 1), dict.fromkeys(self.actions, math.inf), 0
        single = self.rule.cache == "cold" or any(action.prepare is not None for action in self.actions.values())
        while done < self.rule.warmup_rounds or (
            not single
            and min(quickest.values()) < self.rule.min_sample_seconds
            and done < _WARM_UP_ROUNDS
            and self.spent() < _WARM_UP_SHARE
        ):
            quickest = {name: min(quickest[name], one.seconds) for name, one in self.one_round(once).items()}
            done += 1
        # Where caches are flushed or each call is prepared, a second call would find other conditions than the first.
        return once if single else _calls(quickest, self.rule.min_sample_seconds)

    def spent(self) -> float:
        """What fraction of the budget is."""
        return min(1.0, (self.clock.now() - self.start) / self.budget_seconds)

    def keep_round(self, calls: Mapping[str, int]) -> None:
        began = self.clock.now()
        self.kept.append(self.one_round(calls))
        self.longest = max(self.longest, self.clock.now() - began)

    def why_stop(self) -> Stop | None:
        done = len(self.kept)
        looking = bool(self.pairs) and done in LOOKS and done >= self.rule.min_rounds
        if looking and (stop := stop_at_look(self._seconds(), self.pairs, self.rule.threshold)) is not None:
            return stop
        if done >= self.rule.max_rounds:
            return Stop.MAX_ROUNDS
        if done < self.rule.min_rounds or looking:  # a look's interval is wider: one more round says more
            return None
        over = self.clock.now() + self.longest - self.start > self.budget_seconds
        return Stop.BUDGET if over else None

    def _seconds(self) -> dict[str, list[float]]:
        return {name: [one[name].seconds for one in self.kept] for name in self.actions}


def interleave(
    actions: Mapping[str, Action],
    rule: TimingRule,
    budget_seconds: float,
    rng: np.random.Generator,
    *,
    clock: ClockName | Clock | Callable[[], float] | None = None,
    announce: Callable[[str, float], None] = lambda _name, _fraction: None,
) -> dict[str, Samples]:
    """The samples of ``run_rounds`` that ends with budget or rule alone."""
    return run_rounds(actions, rule, budget_seconds, rng, clock=clock, announce=announce).samples


def _calls(quickest: Mapping[str, float], sample_seconds: float) -> dict[str, int]:
    """How many calls of each action make a sample long enough: the same for all whose calls are of like length.

    For a longer sample meets more interruptions: the same product of matrices, 1 ms long, took 0.3 to 0.5 % more time
    by samples of two calls than by samples of one, and 0.6 % more by four. Where each call had a number of its own,
    found from its own warm-up, 6 of 170 pairs of identical calls about as long as a sample were called different.
    """
    calls: dict[str, int] = {}
    number, shortest = 1, 0.0
    for name in sorted(quickest, key=quickest.__getitem__):
        if quickest[name] > _LIKE * shortest:
            shortest = max(quickest[name], 1e-7)
            number = math.ceil(sample_seconds / shortest)
        calls[name] = number
    return calls


def _sample(action: Action, calls: int, clock: Clock, flush: Callable[[], object]) -> _Sample:
    """One sample, with its share of the CPU.

    Linux lets others run, if it is their turn, when a process asks for its CPU time: so they do before the sample
    rather than in it. Beside two busy processes on two cores, 12 % instead of 26 % of samples of 1 ms were interrupted,
    and the process had no less of the CPU for it (33.5 % either way).
    """
    run = action.run if action.prepare is None else partial(action.run, action.prepare())
    flush()
    cpu, wall = process_time(), perf_counter()
    seconds = clock.time(run, calls)
    wall, cpu = perf_counter() - wall, process_time() - cpu
    return _Sample(seconds, round(cpu / max(wall, 1e-9), 3))


def _samples(samples: Sequence[_Sample], calls: int) -> Samples:
    return Samples(
        seconds=[sample.seconds for sample in samples],
        positions=[sample.position for sample in samples],
        calls=calls,
        cpu_shares=[sample.cpu_share for sample in samples],
    )


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Keep collections, which take tens of milliseconds once torch is loaded, out of single samples."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
