"""What measuring ceilings gives, and how far two measurements lie apart."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from vidgauge.errors import UsageError
from vidgauge.record import Frozen

DType = Literal["float32", "tf32", "bfloat16", "float16", "float64"]
"""``tf32``: float32 tensors whose products the matrix units of a CUDA device round; ``float32`` never rounds them."""


class Rate(Frozen):
    """How fast one candidate ran."""

    candidate: str
    work: int = Field(gt=0)
    """FLOPs or bytes of one call."""
    per_second: float = Field(gt=0)
    """Work over the median time of a call."""
    seconds: list[float]
    """All times of one call, one for each round; none is dropped."""


class Skipped(Frozen):
    """A candidate that would have taken too large a share of the budget."""

    candidate: str
    expected_seconds: float
    """Of one call, at the rate of the next smaller one of its kind."""


class Ceilings(Frozen):
    """The best rates seen on one device, for one dtype and one number of threads."""

    device: str
    """``cpu`` or a CUDA device."""
    dtype: DType
    threads: int
    """Inside one operator, on the CPU."""
    compute: list[Rate] = Field(min_length=1)
    """Matrix products and convolutions, FLOP/s, two FLOPs per multiply-accumulate."""
    bandwidth: list[Rate] = Field(min_length=1)
    """Passes over arrays that no cache holds, B/s; the same for every dtype. A copy moves 2 bytes for each byte."""
    overhead_seconds: float = Field(gt=0)
    """Time that dispatching an operator takes which has next to nothing to do."""
    array_bytes: int
    """Size of one array of the bandwidth candidates."""
    cache_bytes: int
    """Size of the last-level cache (the L2 of a GPU) by which the arrays were chosen."""
    skipped: list[Skipped]
    budget_seconds: float
    """What was allowed for this dtype and number of threads."""
    seconds: float
    """What it took, with the inputs made and the smaller candidates tried."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [rate.candidate for rate in [*self.compute, *self.bandwidth]]
        if len(set(names)) < len(names):
            raise ValueError("two candidates have the same name")
        return self

    @property
    def flops_per_second(self) -> float:
        """The compute ceiling."""
        return self.best_compute.per_second

    @property
    def bytes_per_second(self) -> float:
        """The bandwidth ceiling."""
        return self.best_bandwidth.per_second

    @property
    def best_compute(self) -> Rate:
        """The candidate that won."""
        return max(self.compute, key=lambda rate: rate.per_second)

    @property
    def best_bandwidth(self) -> Rate:
        """The candidate that won."""
        return max(self.bandwidth, key=lambda rate: rate.per_second)


def highest(measured: Sequence[Ceilings], dtype: DType) -> Ceilings:
    """The largest ceilings of several measurements in one run: what was reached once can be reached.

    Args:
        measured: of one device and number of threads, for any dtypes; the bandwidth is the same for all.
        dtype: which compute ceiling.

    Raises:
        UsageError: where none of them is of this dtype.
    """
    of_dtype = [each for each in measured if each.dtype == dtype]
    if not of_dtype:
        raise UsageError(f"no ceilings of {dtype} were measured, only of {sorted({each.dtype for each in measured})}")
    best = {
        "compute": [max((each.best_compute for each in of_dtype), key=lambda rate: rate.per_second)],
        "bandwidth": [max((each.best_bandwidth for each in measured), key=lambda rate: rate.per_second)],
        "overhead_seconds": min(each.overhead_seconds for each in measured),
    }
    return of_dtype[0].model_copy(update=best)


class Drift(Frozen):
    """How the same candidates ran later, as a ratio to before; below 1, slower."""

    compute: float
    bandwidth: float


def drift(before: Ceilings, after: Ceilings) -> Drift:
    """The winners of an earlier measurement, later over earlier.

    Raises:
        UsageError: where the later one is of something else, or lacks one of the winners.
    """
    for field in ("device", "dtype", "threads"):
        was, is_now = getattr(before, field), getattr(after, field)
        if was != is_now:
            raise UsageError(f"ceilings of {field} {was} and of {field} {is_now} say nothing about drift")
    return Drift(
        compute=_ratio(before.best_compute, after.compute), bandwidth=_ratio(before.best_bandwidth, after.bandwidth)
    )


def _ratio(winner: Rate, later: list[Rate]) -> float:
    rates = {rate.candidate: rate.per_second for rate in later}
    if winner.candidate not in rates:
        raise UsageError(f"the later ceilings lack {winner.candidate}; measure them with remeasure()")
    return rates[winner.candidate] / winner.per_second
