"""What tells the time of a sample, by name: wall clock, CPU time, CUDA events, replay of a CUDA graph."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Literal, get_args

from vidgauge.errors import UsageError, near_misses

ClockName = Literal["wall", "cpu", "cuda_events", "cuda_graph"]


@dataclass(frozen=True)
class Clock:
    """Times calls."""

    name: str
    """What records call it."""
    time: Callable[[Callable[[], object], int], float]
    """Makes a call so many times and returns the seconds of one, the mean."""
    now: Callable[[], float] = perf_counter
    """Seconds from any origin: the budget is counted by it."""
    replays: bool = False
    """Whether it makes the call once and replays what that did, so that each sample is of the very same work."""


def find_clock(clock: str | Clock | Callable[[], float]) -> Clock:
    """A clock by its name, or from any function that returns seconds.

    - ``wall``: what a user waits; whatever else the machine does meanwhile is in it.
    - ``cpu``: CPU time of this process over all its threads, those that spin while they wait included; child processes
      and GPUs are not. Other processes do not add to it but through caches and memory, so it tells calls of tens of
      milliseconds apart on a loaded machine, where the wall clock cannot.
    - ``cuda_events``: GPU time between two events around the calls, the gaps included in which it waits for launches.
    - ``cuda_graph``: the same around replays of the call captured as a CUDA graph, so without the launches.

    Raises:
        UsageError: where there is no such clock, or no CUDA device for it.
    """
    match clock:
        case Clock():
            return clock
        case "wall":
            return _host_clock("wall", perf_counter)
        case "cpu":
            return _host_clock("cpu", process_time)
        case "cuda_events" | "cuda_graph":
            from vidgauge.bench.timing import cuda_clocks

            return cuda_clocks.events() if clock == "cuda_events" else cuda_clocks.graphs()
        case str():
            raise UsageError(f"there is no clock {clock!r}; {near_misses(clock, list(get_args(ClockName)))}")
        case _:
            return _host_clock("own", clock, clock)


def _host_clock(name: str, read: Callable[[], float], now: Callable[[], float] = perf_counter) -> Clock:
    def seconds(run: Callable[[], object], calls: int) -> float:
        repeats = range(calls)
        start = read()
        for _ in repeats:
            run()
        return (read() - start) / calls

    return Clock(name, seconds, now)
