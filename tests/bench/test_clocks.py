"""Clocks by name and from functions; their own readings are replaced."""

import pytest

from vidgauge.bench.timing import clocks
from vidgauge.bench.timing.clocks import Clock, find_clock
from vidgauge.errors import UsageError


class Hands:
    """A reading that moves when told to."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("name", "reading"), [("wall", "perf_counter"), ("cpu", "process_time")])
def test_named_clocks_time_calls_by_their_reading(name: str, reading: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hands, calls = Hands(), []
    monkeypatch.setattr(clocks, reading, hands)

    def run() -> None:
        hands.now += 0.5
        calls.append(1)

    clock = find_clock(name)
    assert clock.name == name
    assert clock.time(run, 4) == 0.5
    assert len(calls) == 4
    assert not clock.replays


def test_a_function_is_a_clock_that_also_counts_the_budget() -> None:
    hands = Hands()
    clock = find_clock(hands)
    assert clock.now() == 5.0
    assert clock.name == "own"
    assert find_clock(clock) is clock


def test_unknown_clocks_are_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'wall'"):
        find_clock("wal")


def test_cpu_time_stands_still_while_nothing_is_computed() -> None:
    """Of waiting, the wall clock sees what the CPU clock does not: an order of things, not a threshold."""
    import time

    def wait() -> None:
        time.sleep(0.05)

    assert find_clock("cpu").time(wait, 1) < find_clock("wall").time(wait, 1)


@pytest.mark.parametrize("name", ["cuda_events", "cuda_graph"])
def test_cuda_clocks_need_a_device(name: str) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(UsageError, match="needs a CUDA device"):
        find_clock(name)


def test_a_clock_of_ones_own() -> None:
    clock = Clock("constant", lambda _run, _calls: 1.0)
    assert find_clock(clock).time(lambda: None, 3) == 1.0
