"""Peak memory against patterns whose true peak is known.

The truth of each pattern is arithmetic: the bytes of the largest set of tensors that it holds at once, with no word of
what an allocator adds to them.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vidgauge.bench.contests import CONTESTS, Announce
from vidgauge.bench.memory import Peak, peak
from vidgauge.environment import Environment
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Measure, ProtocolRef, Record, Subject

MEBIBYTE = 2**20
ERROR = Measure(name="peak_memory_error", unit="1", better="neither")
_RUNS = 3


@dataclass(frozen=True)
class Pattern:
    """Something that allocates, and how much it holds when it holds most."""

    name: str
    call: Callable[[], object]
    true_bytes: int


def patterns() -> Iterator[Pattern]:
    """Twelve patterns, with peaks between 16 and 128 MiB."""
    yield Pattern("one tensor", lambda: _ones(64), 64 * MEBIBYTE)
    yield Pattern("two at once", lambda: (_ones(32), _ones(48)), 80 * MEBIBYTE)
    yield Pattern("one after another", _one_after_another, 16 * MEBIBYTE)
    # A node holds the sum of one branch while it works on the other: one leaf more for each level, and two for the sum.
    yield Pattern("tree of sums", lambda: _tree(depth=4), (4 + 2) * 8 * MEBIBYTE)
    yield Pattern("in place", lambda: _ones(64).mul_(2).add_(1).relu_(), 64 * MEBIBYTE)
    yield Pattern("views", _views, 64 * MEBIBYTE)
    yield Pattern("growing list", lambda: [_ones(8) for _ in range(16)], 128 * MEBIBYTE)
    # The last step holds 7 parts, one part more, and both together again.
    yield Pattern("growing tensor", _growing_tensor, (7 + 1 + 8) * 8 * MEBIBYTE)
    yield Pattern("many small tensors", lambda: [_ones(1 / 16) for _ in range(1024)], 64 * MEBIBYTE)
    yield _convolution()
    yield _attention()
    yield Pattern("buffer outside torch", _outside_torch, 48 * MEBIBYTE)


@CONTESTS.register("peak-memory")
def peak_memory(environment: Environment, announce: Announce) -> Iterator[Record]:
    """Peak memory of twelve allocation patterns whose true peak is known, by each technique that the system has."""
    run, contenders = uuid.uuid4().hex, list(patterns())
    for index, pattern in enumerate(contenders):
        announce(index / len(contenders), pattern.name)
        for technique, found in _by_technique(measure(pattern)).items():
            yield Record(
                subject=Subject(kind="allocations", name=pattern.name, config={"true_bytes": pattern.true_bytes}),
                measure=ERROR,
                protocol=ProtocolRef(
                    name=f"peak_memory_error.{technique.replace(' ', '_')}", fingerprint=fingerprint({"runs": _RUNS})
                ),
                environment=environment.fingerprint,
                code=environment.code,
                run=run,
                value=found / pattern.true_bytes - 1,
                n=1,
                no_interval=f"the largest of {_RUNS} runs" if technique == "resident" else "counted, not sampled",
                details={"bytes": found},
            )
    announce(1.0, "done")


def measure(pattern: Pattern) -> Peak:
    """Its peak on the CPU, by both techniques where the system has both."""
    with torch.no_grad():
        return peak(pattern.call, "cpu", _RUNS)


def _by_technique(found: Peak) -> dict[str, int]:
    both: dict[str, int] = {found.technique: found.bytes}
    return both if found.cross_check is None else both | {"allocator events": found.cross_check}


def _ones(mebibytes: float) -> Tensor:
    return torch.ones(int(mebibytes * MEBIBYTE) // 4)


def _one_after_another() -> None:
    for mebibytes in (8, 10, 12, 14, 16):
        _ones(mebibytes)


def _tree(depth: int) -> Tensor:
    return _ones(8) if depth == 0 else _tree(depth - 1) + _tree(depth - 1)


def _views() -> tuple[Tensor, ...]:
    base = _ones(64).view(16, 1024, -1)
    return base.transpose(0, 1)[3:], base[:8], base.flatten(), base.expand(4, 16, 1024, -1)


def _growing_tensor() -> Tensor:
    whole = _ones(8)
    for _ in range(7):
        whole = torch.cat((whole, _ones(8)))
    return whole


def _convolution() -> Pattern:
    """Through im2col: in float64 there is no other way. Each column holds the 27 neighbours of a position."""
    channels, grid = 32, (8, 16, 32)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, channels, *grid, dtype=torch.float64, generator=generator)
    weight = torch.randn(channels, channels, 3, 3, 3, dtype=torch.float64, generator=generator)
    output = x.nbytes
    return Pattern(
        "convolution by im2col", lambda: functional.conv3d(x, weight, padding=1), true_bytes=27 * x.nbytes + output
    )


def _attention() -> Pattern:
    """At the end it holds the scores, their softmax, each sequences x length^2, and the output."""
    sequences, length, channels = 4, 1024, 32
    generator = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, sequences, length, channels, generator=generator)

    def call() -> Tensor:
        scores = q @ k.transpose(1, 2)
        output: Tensor = functional.softmax(scores, dim=-1) @ v
        return output

    return Pattern("attention with its scores", call, true_bytes=4 * sequences * (2 * length**2 + length * channels))


def _outside_torch() -> float:
    return float(np.ones(48 * MEBIBYTE // 8)[-1])
