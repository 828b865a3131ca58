"""Calls of a known length, and the same with a known share more of the same work."""

from collections.abc import Callable
from functools import cache
from time import process_time

import torch
from torch import Tensor

Call = Callable[[], None]

SIDE = 32
"""Of the square float32 matrices that are multiplied: three of them are 12 KiB, less than a first-level cache."""
_STEP = 100
"""Loop counts are multiples of this, so that any whole per cent more is a whole number of loops."""
_PROBES = 15


def matrix_loop(loops: int) -> Call:
    """A call that multiplies the same two small matrices so many times."""
    a, b, product = _operands()

    def call() -> None:
        for _ in range(loops):
            torch.mm(a, b, out=product)

    return call


def loops_for(seconds: float) -> int:
    """How many loops take about so long on this machine by CPU time, as a multiple of one hundred."""
    probe = matrix_loop(_STEP)
    return max(1, round(seconds / min(_seconds(probe) for _ in range(_PROBES)))) * _STEP


def slowed(loops: int, percent: int) -> int:
    """The loops of a call with exactly so many per cent more work."""
    return loops + loops * percent // 100


@cache
def _operands() -> tuple[Tensor, Tensor, Tensor]:
    """The same for all calls, so that where they lie in memory makes no difference between them."""
    a, b = torch.randn(2, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    return a, b, torch.empty(SIDE, SIDE)


def _seconds(call: Call) -> float:
    start = process_time()
    call()
    return process_time() - start
