"""Interleaved rounds under a clock that the test moves."""

import dataclasses
import gc
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from pydantic import ValidationError

from vidgauge.bench.timing import rounds as module
from vidgauge.bench.timing.clocks import find_clock
from vidgauge.bench.timing.rounds import Action, Samples, TimingRule, interleave, run_rounds
from vidgauge.bench.timing.stopping import Stop
from vidgauge.errors import UsageError


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
    assert count["calls"] == 6 + 8 * 8  # six rounds of warm-up, as they are so short


def test_an_interrupted_warm_up_does_not_set_the_number_of_calls() -> None:
    clock, lengths = Clock(), iter([9.0, 2.0**-10, 5.0, 3.0])
    clock.now = 0.0
    twice = Action(lambda: clock.taking(next(lengths, 2.0**-10))())
    warm = rule(warmup_rounds=2, min_sample_seconds=2.0**-7)
    samples = interleave({"a": twice, "a (again)": twice}, warm, 1e6, np.random.default_rng(0), clock=clock)
    assert samples["a"].calls == samples["a (again)"].calls == 8


def test_calls_of_like_length_are_repeated_as_often() -> None:
    clock = Clock()
    clock.now = 0.0
    unit = 2.0**-10
    actions = steady(clock, brief=unit, same=unit, like=8 * unit, longer=12 * unit, longest=16 * unit)
    samples = interleave(actions, rule(min_sample_seconds=24 * unit), 1e6, np.random.default_rng(0), clock=clock)
    assert {name: one.calls for name, one in samples.items()} == {
        "brief": 24,
        "same": 24,
        "like": 24,  # though it would not need so many
        "longer": 2,
        "longest": 2,  # like the one before
    }


def test_where_one_call_needs_preparation_all_are_made_once_a_sample() -> None:
    clock = Clock()
    prepared = Action(clock.taking(2.0**-10), prepare=lambda: None)
    actions = steady(clock, brief=2.0**-10) | {"prepared": prepared}
    samples = interleave(actions, rule(min_sample_seconds=1.0), 1e6, np.random.default_rng(0), clock=clock)
    assert {one.calls for one in samples.values()} == {1}


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


def steady(clock: Clock, **seconds: float) -> dict[str, Action]:
    return {name: Action(clock.taking(one)) for name, one in seconds.items()}


def test_rounds_end_once_the_wanted_verdicts_are_known() -> None:
    clock = Clock()
    actions = steady(clock, base=1.0, same=1.0, slow=1.2)
    pairs = [("same", "base"), ("slow", "base")]
    done = run_rounds(actions, TimingRule(), 1e6, np.random.default_rng(0), pairs=pairs, clock=clock)
    assert done.stopped is Stop.DECIDED
    assert len(done.samples["base"].seconds) == 13  # the first look
    assert done.seconds == pytest.approx(13 * 3.2)
    unasked = run_rounds(actions, TimingRule(max_rounds=30), 1e6, np.random.default_rng(0), clock=clock)
    assert (unasked.stopped, len(unasked.samples["base"].seconds)) == (Stop.MAX_ROUNDS, 30)


def test_undecided_rounds_go_on_to_the_budget_but_do_not_end_on_a_look() -> None:
    clock, chance = Clock(), np.random.default_rng(1)
    actions = steady(clock, base=1.0) | {"wild": Action(lambda: clock.taking(chance.choice([0.5, 1.5]))())}

    def rounds(budget: float) -> tuple[Stop, int]:
        rule = TimingRule(min_rounds=3)
        done = run_rounds(actions, rule, budget, np.random.default_rng(0), pairs=[("wild", "base")], clock=clock)
        return done.stopped, len(done.samples["wild"].seconds)

    assert rounds(1.0) == (Stop.BUDGET, 3)
    counts = [rounds(budget)[1] for budget in np.arange(20.0, 60.0, 0.5)]
    assert {12, 14, 19, 21} <= set(counts)
    assert {13, 20}.isdisjoint(counts)


def test_no_look_before_the_fewest_rounds() -> None:
    clock = Clock()
    actions = steady(clock, base=1.0, slow=1.2)
    rule = TimingRule(min_rounds=25)
    done = run_rounds(actions, rule, 1e6, np.random.default_rng(0), pairs=[("slow", "base")], clock=clock)
    assert len(done.samples["base"].seconds) == 29


def test_cold_caches_are_flushed_before_each_call_outside_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, done = Clock(), []

    def flusher(cache: str, device: str) -> Callable[[], None]:
        assert (cache, device) == ("cold", "gpu 7")

        def flush() -> None:
            done.append("flush")
            clock.now += 10.0

        return flush

    monkeypatch.setattr(module, "flusher", flusher)

    def note(what: str, seconds: float) -> Callable[..., None]:
        def work(*_: object) -> None:
            done.append(what)
            clock.now += seconds

        return work

    action = Action(note("run", 2.0**-10), prepare=note("prepare", 1.0))
    cold = rule(max_rounds=3).model_copy(update={"cache": "cold"})
    rounds = run_rounds({"a": action}, cold, 1e6, np.random.default_rng(0), clock=clock, device="gpu 7")
    assert rounds.samples["a"].seconds == [2.0**-10] * 3
    assert done == ["prepare", "flush", "run"] * 4
    single = Action(note("run", 2.0**-20))
    assert (
        run_rounds({"a": single}, cold, 1e6, np.random.default_rng(0), clock=clock, device="gpu 7").samples["a"].calls
        == 1
    )


def test_the_cpu_share_of_each_sample_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, cpu = Clock(), Clock()
    monkeypatch.setattr(module, "perf_counter", clock)
    monkeypatch.setattr(module, "process_time", cpu)
    shares = iter([1.0, 0.25, 1.0, 1.75])

    def run() -> None:
        clock.now += 2.0
        cpu.now += 2.0 * next(shares)

    samples = interleave({"a": Action(run)}, rule(max_rounds=3), 1e6, np.random.default_rng(0), clock=clock)
    assert samples["a"].cpu_shares == [0.25, 1.0, 1.75]
    assert samples["a"].seconds == [2.0] * 3


def test_samples_from_before_cpu_shares_still_parse() -> None:
    old = Samples.model_validate_json('{"seconds": [1.0], "positions": [0], "calls": 1}')
    assert old.cpu_shares == []


def test_the_rule_names_its_clock() -> None:
    done = run_rounds({"a": Action(lambda: None)}, TimingRule(clock="cpu"), 0.01, np.random.default_rng(0))
    assert len(done.samples["a"].seconds) >= 9
    with pytest.raises(ValidationError, match="clock"):
        TimingRule.model_validate({"clock": "sundial"})


def test_a_replaying_clock_refuses_calls_that_need_preparation() -> None:
    replaying = find_clock(Clock())
    replaying = dataclasses.replace(replaying, replays=True)
    action = Action(lambda _prepared: None, prepare=lambda: None)
    with pytest.raises(UsageError, match="cannot time calls that need preparation"):
        run_rounds({"a": action}, rule(), 1.0, np.random.default_rng(0), clock=replaying)


def test_rules_refuse_unknown_keys() -> None:
    with pytest.raises(ValidationError, match="repeats"):
        TimingRule.model_validate({"repeats": 3})
