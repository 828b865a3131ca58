"""Measure ceilings: try the candidates from small to large, then time all that fit the budget in interleaved rounds."""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vidgauge.bench.ceilings.candidates import (
    Candidate,
    Inputs,
    array_bytes,
    bandwidth_candidates,
    cache_bytes,
    compute_candidates,
)
from vidgauge.bench.ceilings.result import Ceilings, DType, Rate, Skipped
from vidgauge.bench.timing.rounds import Action, TimingRule, interleave
from vidgauge.errors import UsageError

RULE = TimingRule(warmup_rounds=1, min_rounds=5, max_rounds=50, min_sample_seconds=2e-3)
_CUDA_CALLS = 10
"""Calls between two waits for a GPU: alone, the wait would count as work."""
_LARGEST_SHARE = 1 / 8
"""Of a round, for one candidate: a slow kind must not leave the others without time."""
_DISPATCHES = 200
"""Operators in one call of the overhead's measurement."""
_DTYPES: tuple[DType, ...] = ("float32", "tf32", "bfloat16", "float16", "float64")


@dataclass(frozen=True)
class _Machine:
    """Where it is measured, and with what."""

    device: str
    threads: int
    seed: int

    def inputs(self, dtype: DType) -> Inputs:
        return Inputs(self.device, getattr(torch, "float32" if dtype == "tf32" else dtype), self.seed)

    @property
    def calls(self) -> int:
        """How many calls of a candidate make one timed call."""
        return _CUDA_CALLS if self.device.startswith("cuda") else 1

    def finish(self) -> None:
        if self.device.startswith("cuda"):
            torch.cuda.synchronize(self.device)


def measure(
    device: str, dtypes: Sequence[DType], threads: Sequence[int], budget_seconds: float, seed: int = 0
) -> list[Ceilings]:
    """Measure the ceilings of a device for each number of threads and each dtype.

    All candidates of a ceiling interleave in rounds; each one's rate is its work over its median time, and the best is
    the ceiling. A candidate that would use up more than its share of the budget is left out and named.

    Args:
        device: ``cpu`` or a CUDA device.
        dtypes: ``tf32`` is for CUDA devices alone.
        threads: inside one operator; set while measuring, and set back.
        budget_seconds: about how long to take in all, in equal parts.
        seed: of the inputs and of the rounds' orders.

    Returns:
        one result for each number of threads and dtype, in this order; the bandwidth is measured once for each number
        of threads.

    Raises:
        UsageError: where there is no such dtype or device, or nothing to measure.
    """
    _check(device, dtypes, threads, budget_seconds)
    share = budget_seconds / (len(threads) * (len(dtypes) + 1))
    results = []
    for count in threads:
        machine = _Machine(device, count, seed)
        with _threads(count), torch.inference_mode():
            size = array_bytes(cache_bytes(device), device)
            began = time.perf_counter()
            rates, _ = _rates(machine, "float32", bandwidth_candidates(size), share, all_of_them=True)
            overhead = _overhead(machine)
            shared = (time.perf_counter() - began) / len(dtypes)
            for dtype in dtypes:
                began = time.perf_counter()
                compute, skipped = _rates(machine, dtype, compute_candidates(device), share)
                results.append(
                    Ceilings(
                        device=device,
                        dtype=dtype,
                        threads=count,
                        compute=compute,
                        bandwidth=rates,
                        overhead_seconds=overhead,
                        array_bytes=size,
                        cache_bytes=cache_bytes(device),
                        skipped=skipped,
                        budget_seconds=budget_seconds / (len(threads) * len(dtypes)),
                        seconds=time.perf_counter() - began + shared,
                    )
                )
    return results


def remeasure(before: Ceilings, budget_seconds: float = 1.0, seed: int = 0) -> Ceilings:
    """Measure the winners of an earlier measurement alone again, cheaply; compare the two with ``drift``."""
    machine = _Machine(before.device, before.threads, seed)
    began = time.perf_counter()
    with _threads(before.threads), torch.inference_mode():
        bandwidth = _named(before.best_bandwidth.candidate, bandwidth_candidates(before.array_bytes))
        compute = _named(before.best_compute.candidate, compute_candidates(before.device))
        update = {
            "bandwidth": _rates(machine, "float32", bandwidth, budget_seconds / 2, all_of_them=True)[0],
            "compute": _rates(machine, before.dtype, compute, budget_seconds / 2, all_of_them=True)[0],
            "overhead_seconds": _overhead(machine),
            "skipped": [],
            "budget_seconds": budget_seconds,
        }
    return before.model_copy(update=update | {"seconds": time.perf_counter() - began})


def _check(device: str, dtypes: Sequence[str], threads: Sequence[int], budget_seconds: float) -> None:
    unknown = [dtype for dtype in dtypes if dtype not in _DTYPES]
    if unknown or not dtypes:
        raise UsageError(f"dtypes are {list(dtypes)}; give one or more of {', '.join(_DTYPES)}")
    if not threads or min(threads) < 1 or budget_seconds <= 0:
        raise UsageError(
            f"threads are {list(threads)} and the budget is {budget_seconds} s; give one or more numbers of threads "
            "from 1 on, and more than 0 s"
        )
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"there is no CUDA device here to measure {device!r} on; the CPU is 'cpu'")
    if "tf32" in dtypes and not device.startswith("cuda"):
        raise UsageError(f"tf32 is arithmetic of CUDA devices; {device!r} has float32")


def _named(name: str, candidates: Iterable[Candidate]) -> list[Candidate]:
    return [candidate for candidate in candidates if candidate.name == name]


def _rates(
    machine: _Machine,
    dtype: DType,
    candidates: Iterable[Candidate],
    budget_seconds: float,
    *,
    all_of_them: bool = False,
) -> tuple[list[Rate], list[Skipped]]:
    """The rates of all candidates that fit the budget, from the same rounds; and those that do not."""
    began, listed = time.perf_counter(), list(candidates)
    rounds = RULE.warmup_rounds + RULE.min_rounds + 2  # two for finding out what it takes
    one_round = float("inf") if all_of_them else budget_seconds / rounds
    with _precision(dtype, machine.device):
        calls, skipped = _fitting(machine, listed, machine.inputs(dtype), one_round)
        left = max(1e-3, budget_seconds - (time.perf_counter() - began))
        samples = interleave(
            {name: Action(call) for name, call in calls.items()}, RULE, left, np.random.default_rng(machine.seed)
        )
    work = {candidate.name: candidate.work for candidate in listed}
    return [_rate(name, work[name], one.seconds, machine.calls) for name, one in samples.items()], skipped


def _rate(name: str, work: int, seconds: Sequence[float], calls: int) -> Rate:
    each = [value / calls for value in seconds]
    return Rate(candidate=name, work=work, per_second=work / statistics.median(each), seconds=each)


def _fitting(
    machine: _Machine, candidates: Iterable[Candidate], inputs: Inputs, round_seconds: float
) -> tuple[dict[str, Callable[[], object]], list[Skipped]]:
    """Timed calls by name: the smallest of each family, and by rising work all others that a round has room for."""
    calls, skipped = dict[str, Callable[[], object]](), list[Skipped]()
    rates: dict[str, float] = {}
    limit, left = round_seconds * _LARGEST_SHARE, round_seconds
    for candidate in sorted(candidates, key=lambda one: one.work):
        expected = candidate.work / rates.get(candidate.family, float("inf"))
        if expected * machine.calls > min(limit, left):
            skipped.append(Skipped(candidate=candidate.name, expected_seconds=expected))
            continue
        call = _timed_call(candidate.build(inputs), machine)
        calls[candidate.name] = call
        call()  # the first call prepares kernels
        seconds = _least_seconds(call, limit)
        rates[candidate.family] = candidate.work * machine.calls / seconds
        left = max(0.0, left - seconds)
    return calls, skipped


def _timed_call(call: Callable[[], object], machine: _Machine) -> Callable[[], None]:
    def run() -> None:
        for _ in range(machine.calls):
            call()
        machine.finish()

    return run


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _least_seconds(call: Callable[[], object], limit: float) -> float:
    """Of up to three calls, as many as the limit has room for: one disturbed call must not bar the larger sizes."""
    least = used = max(_seconds(call), 1e-9)
    for _ in range(2):
        if used + least <= limit:
            once = max(_seconds(call), 1e-9)
            least, used = min(least, once), used + once
    return least


def _overhead(machine: _Machine) -> float:
    """Seconds for each of many operators on one number, queued one after another."""
    one = torch.ones(1, device=machine.device)

    def dispatch() -> None:
        for _ in range(_DISPATCHES):
            one.neg_()
        machine.finish()

    dispatch()
    return statistics.median(_seconds(dispatch) for _ in range(21)) / _DISPATCHES


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _precision(dtype: DType, device: str) -> Iterator[None]:
    """Whether float32 products on a CUDA device are rounded to tf32; by default products are not, convolutions are."""
    if not device.startswith("cuda"):
        yield
        return
    settings: tuple[Any, ...] = (torch.backends.cuda.matmul, getattr(torch.backends.cudnn, "conv"))  # noqa: B009 - untyped
    before = [setting.fp32_precision for setting in settings]
    for setting in settings:
        setting.fp32_precision = "tf32" if dtype == "tf32" else "ieee"
    try:
        yield
    finally:
        for setting, was in zip(settings, before, strict=True):
            setting.fp32_precision = was
