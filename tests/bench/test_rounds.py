"""Interleaved rounds under a clock that the test moves."""

import gc
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from pydantic import ValidationError

from vidgauge.bench.timing.rounds import Action, TimingRule, interleave


class Clock:
    """Stands still unless moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def taking(self, seconds: float) -> Callable[..., None]:
        def work(*_: object) -> None:
            self.now += seconds

        return work


def rule(**fields: float) -> TimingRule:
    return TimingRule.model_validate({"warmup_rounds": 1, "min_rounds": 3, "max_rounds": 8, **fields})


def test_each_round_times_every_variant_once_in_a_fresh_order() -> None:
    clock, order = Clock(), []

    def noted(name: str, seconds: float) -> Action:
        work = clock.taking(seconds)

        def run() -> None:
            order.append(name)
            work()

        return Action(run)

    actions = {"a": noted("a", 1.0), "b": noted("b", 2.0), "c": noted("c", 4.0)}
    samples = interleave(actions, rule(), 1e6, np.random.default_rng(0), clock=clock)
    rounds = [tuple(order[i : i + 3]) for i in range(0, len(order), 3)]
    assert len(rounds) == 1 + 8  # one warm-up, then as many as the rule allows
    assert all(Counter(one) == Counter("abc") for one in rounds)
    assert len(set(rounds)) > 1
    for name, seconds in (("a", 1.0), ("b", 2.0), ("c", 4.0)):
        assert samples[name].seconds == [seconds] * 8
        assert samples[name].positions == [one.index(name) for one in rounds[1:]]


def test_orders_come_from_the_seed() -> None:
    def orders(seed: int) -> list[int]:
        clock = Clock()
        actions = {name: Action(clock.taking(1.0)) for name in "abcd"}
        return interleave(actions, rule(), 1e6, np.random.default_rng(seed), clock=clock)["a"].positions

    assert orders(1) == orders(1)
    assert orders(1) != orders(2)


@pytest.mark.parametrize(("budget", "rounds"), [(1.0, 3), (9.0, 3), (11.25, 4), (13.4, 4), (13.5, 5), (1e6, 8)])
def test_stops_before_a_round_that_would_exceed_the_budget(budget: float, rounds: int) -> None:
    clock = Clock()
    actions = {"a": Action(clock.taking(1.0)), "b": Action(clock.taking(1.25))}  # a round takes 2.25 s, so does warm-up
    samples = interleave(actions, rule(), budget, np.random.default_rng(0), clock=clock)
    assert len(samples["a"].seconds) == len(samples["b"].seconds) == rounds


def test_no_sample_is_dropped_however_far_off() -> None:
    clock = Clock()
    lengths = iter([1.0, 1.0, 500.0, 1.0])
    action = Action(lambda: clock.taking(next(lengths))())
    samples = interleave({"a": action}, rule(max_rounds=3), 1e6, np.random.default_rng(0), clock=clock)
    assert samples["a"].seconds == [1.0, 500.0, 1.0]


def test_preparation_is_not_timed_and_hands_over() -> None:
    clock, given = Clock(), []
    prepare, work = clock.taking(50.0), clock.taking(0.5)

    def run(state: object) -> None:
        given.append(state)
        work()

    action = Action(run, prepare=lambda: prepare() or "graph")
    samples = interleave({"a": action}, rule(), 1e6, np.random.default_rng(0), clock=clock)
    assert samples["a"].seconds == [0.5] * 8
    assert given == ["graph"] * 9
    assert samples["a"].calls == 1


def test_short_calls_are_repeated_within_a_sample() -> None:
    clock, count = Clock(), Counter[str]()
    clock.now = 0.0
    work = clock.taking(2.0**-10)

    def run() -> None:
        count["calls"] += 1
        work()

    short = rule(min_sample_seconds=2.0**-7)
    samples = interleave({"a": Action(run)}, short, 1e6, np.random.default_rng(0), clock=clock)
    assert samples["a"].calls == 8
    assert samples["a"].seconds == [2.0**-10] * 8
    assert count["calls"] == 1 + 8 * 8


def test_announces_what_comes_next() -> None:
    clock = Clock()
    told: list[tuple[str, float]] = []
    actions = {"a": Action(clock.taking(1.0))}
    tell = lambda name, fraction: told.append((name, fraction))  # noqa: E731
    interleave(actions, rule(), 4.0, np.random.default_rng(0), clock=clock, announce=tell)
    assert told == [("a", 0.0), ("a", 0.25), ("a", 0.5), ("a", 0.75)]


def test_garbage_collection_pauses_only_meanwhile() -> None:
    seen = []
    clock = Clock()
    work = clock.taking(1.0)

    def run() -> None:
        seen.append(gc.isenabled())
        work()

    assert gc.isenabled()
    interleave({"a": Action(run)}, rule(), 1.0, np.random.default_rng(0), clock=clock)
    assert gc.isenabled()
    assert not any(seen)


def test_rules_refuse_unknown_keys() -> None:
    with pytest.raises(ValidationError, match="repeats"):
        TimingRule.model_validate({"repeats": 3})
