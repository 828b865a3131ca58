"""Randomised interleaved rounds: each round times every variant once, in a fresh random order.

Whatever slows the machine down for a while then slows all variants of a round alike, and the ratio of two times of the
same round stays. Timing one variant after the other on a shared machine calls identical code different in about half
of all trials.
"""

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from vidgauge.record import Frozen

Clock = Callable[[], float]
"""Seconds from any origin, such as ``time.perf_counter``."""


class TimingRule(Frozen):
    """How rounds are run; what changes the number, so what the protocol's fingerprint covers."""

    warmup_rounds: int = Field(default=2, ge=1)
    """Rounds whose times are not kept: first calls compile, allocate and fill caches."""
    min_rounds: int = Field(default=5, ge=1)
    """Rounds kept even where they exceed the budget."""
    max_rounds: int = Field(default=100, ge=1)
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


@dataclass(frozen=True)
class Action:
    """What is timed."""

    run: Callable[..., object]
    """The timed call. It is given what ``prepare`` returned, if there is one."""
    prepare: Callable[[], object] | None = None
    """Runs before every call, outside the timed region: it may build the graph that ``run`` walks back."""


def interleave(
    actions: Mapping[str, Action],
    rule: TimingRule,
    budget_seconds: float,
    rng: np.random.Generator,
    *,
    clock: Clock = time.perf_counter,
    announce: Callable[[str, float], None] = lambda _name, _fraction: None,
) -> dict[str, Samples]:
    """Time all actions in interleaved rounds until the budget is spent.

    Args:
        actions: by the name that labels them.
        rule: warm-up, bounds on the rounds, length of a sample.
        budget_seconds: stop before a round that would exceed it, warm-up included.
        rng: draws the orders.
        clock: what tells the time.
        announce: told before each sample, outside the timed region, which action comes and what fraction of the
            budget is spent.

    Returns:
        the samples by name, all of the same length.
    """
    names = list(actions)
    start = clock()
    seconds: dict[str, list[float]] = {name: [] for name in names}
    positions: dict[str, list[int]] = {name: [] for name in names}

    def run_round(calls: Mapping[str, int]) -> Iterator[tuple[int, str, float]]:
        for position, index in enumerate(rng.permutation(len(names))):
            name = names[index]
            announce(name, min(1.0, (clock() - start) / budget_seconds))
            yield position, name, _sample(actions[name], calls[name], clock)

    with _no_garbage_collection():
        once = dict.fromkeys(names, 1)
        for _ in range(rule.warmup_rounds):
            warm = {name: sample for _, name, sample in run_round(once)}
        calls = {name: _calls(actions[name], warm[name], rule) for name in names}
        longest = 0.0
        for done in range(rule.max_rounds):
            began = clock()
            if done >= rule.min_rounds and began + longest - start > budget_seconds:
                break
            for position, name, sample in run_round(calls):
                seconds[name].append(sample)
                positions[name].append(position)
            longest = max(longest, clock() - began)
    return {name: Samples(seconds=seconds[name], positions=positions[name], calls=calls[name]) for name in names}


def _calls(action: Action, warm_seconds: float, rule: TimingRule) -> int:
    """How many calls make a sample long enough; one where each call needs its own preparation."""
    if action.prepare is not None or warm_seconds >= rule.min_sample_seconds:
        return 1
    return math.ceil(rule.min_sample_seconds / max(warm_seconds, 1e-7))


def _sample(action: Action, calls: int, clock: Clock) -> float:
    if action.prepare is not None:
        prepared = action.prepare()
        start = clock()
        action.run(prepared)
        return clock() - start
    run, repeats = action.run, range(calls)
    start = clock()
    for _ in repeats:
        run()
    return (clock() - start) / calls


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
