"""GPU time: events around launches, and around replays of a captured CUDA graph."""

from collections.abc import Callable

import torch

from vidgauge.bench.timing.clocks import Clock
from vidgauge.errors import UsageError

_WARMUP_CALLS = 3
"""Before a capture, so that libraries have made their plans and autotuners their choices."""


def events() -> Clock:
    """Time between two events on the current stream. What is timed must not synchronise, or the gaps count too."""
    _need_cuda("cuda_events")
    return Clock("cuda_events", _between_events)


def graphs() -> Clock:
    """Time of replaying each call's CUDA graph, captured when it is first timed.

    What is timed must be capturable: no synchronisation, no copies to the host, the same shapes in every call.
    """
    _need_cuda("cuda_graph")
    captured: dict[Callable[[], object], torch.cuda.CUDAGraph] = {}

    def seconds(run: Callable[[], object], calls: int) -> float:
        if run not in captured:
            captured[run] = _capture(run)
        return _between_events(captured[run].replay, calls)

    return Clock("cuda_graph", seconds, replays=True)


def _between_events(run: Callable[[], object], calls: int) -> float:
    start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call] # torch leaves it so
    stop = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    start.record()
    for _ in range(calls):
        run()
    stop.record()
    stop.synchronize()
    return float(start.elapsed_time(stop)) / 1e3 / calls  # it is told in milliseconds


def _capture(run: Callable[[], object]) -> torch.cuda.CUDAGraph:
    """Warm up on a side stream, as captures require, then capture one call."""
    side, current = torch.cuda.Stream(), torch.cuda.current_stream()  # type: ignore[no-untyped-call]
    side.wait_stream(current)
    with torch.cuda.stream(side):
        for _ in range(_WARMUP_CALLS):
            run()
    current.wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph


def _need_cuda(name: str) -> None:
    if not torch.cuda.is_available():
        raise UsageError(f"clock {name!r} needs a CUDA device, and there is none; take 'wall' or 'cpu'")
