"""Which trials the timing contest runs, and in which order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from vidgauge.bench.contests.rivals import RIVALS, Clock

Condition = Literal["as found", "loaded"]

BLOCK = 5
"""Trials that become one record."""
SHORT_SECONDS = 1.0
LONG_SECONDS = 10.0
OURS = ("vidgauge",)
ALL = tuple(RIVALS)


@dataclass(frozen=True)
class Cell:
    """Of what calls, by which clock and beside what the trials are."""

    call_seconds: float
    clock: Clock
    condition: Condition

    @property
    def call(self) -> str:
        """The calls in words."""
        return f"{self.call_seconds * 1e3:g} ms by {'wall clock' if self.clock == 'wall' else 'CPU time'}"


@dataclass(frozen=True)
class Part:
    """Trials of a kind."""

    cell: Cell
    percent: int
    """How much more work the second call does; 0: both are the same function."""
    tools: tuple[str, ...]
    budget_seconds: float
    trials: range
    """Numbers of the trials: what seeds them."""
    tier: int
    """Parts of a later tier begin when those of earlier ones are done."""
    expected_seconds: float
    """Roughly, of one trial: for the progress display and for the order alone."""


@dataclass(frozen=True)
class Block:
    """A few trials of a part."""

    part: Part
    trials: tuple[int, ...]


FAST = Cell(1e-3, "wall", "as found")
FAST_LOADED = Cell(1e-3, "wall", "loaded")
SLOW = Cell(30e-3, "cpu", "as found")
SLOW_LOADED = Cell(30e-3, "cpu", "loaded")
# Seconds of one trial: all tools at 1 s; ours at 1 s; ours at up to 10 s with 3 % to find, and with 10 %.
_EXPECTED = {
    FAST: (4.2, 1.0, 0.5, 0.3),
    FAST_LOADED: (5.2, 1.0, 0.8, 0.4),
    SLOW: (4.6, 1.2, 4.0, 1.5),
    SLOW_LOADED: (6.6, 1.7, 7.0, 3.0),
}
_SHARED = 30
"""Trials of identical calls that all tools run; ours alone runs the rest, since its bounds are the tight ones."""


def plan() -> list[Part]:
    """All parts: first what the claims rest on, then the long calls on a machine as it was found."""
    return [part for cell, times in _EXPECTED.items() for part in _parts(cell, times, tier=int(cell is SLOW))]


def in_order(parts: list[Part]) -> list[Block]:
    """The blocks of all parts, tier by tier, in each so mixed that wherever it ends all parts have the same share.

    Each part's first block comes before any second one, so a short run shows something of all; and a drift of the
    machine over the hour falls on all alike.
    """
    placed = [
        (part.tier, index / len(blocks), place, block)
        for place, part in enumerate(parts)
        for blocks in [list(_blocks(part))]
        for index, block in enumerate(blocks)
    ]
    return [block for *_, block in sorted(placed, key=lambda item: item[:3])]


def _parts(cell: Cell, times: tuple[float, float, float, float], tier: int) -> list[Part]:
    together, alone, few_percent, many_percent = times
    return [
        Part(cell, 0, ALL, SHORT_SECONDS, range(_SHARED), tier, together),
        Part(cell, 0, OURS, SHORT_SECONDS, range(_SHARED, 200), tier, alone),
        Part(cell, 3, ALL, SHORT_SECONDS, range(20), tier, together),
        Part(cell, 10, ALL, SHORT_SECONDS, range(10), tier, together),
        Part(cell, 3, OURS, LONG_SECONDS, range(100), tier, few_percent),
        Part(cell, 10, OURS, LONG_SECONDS, range(100), tier, many_percent),
    ]


def _blocks(part: Part) -> Iterator[Block]:
    for start in range(0, len(part.trials), BLOCK):
        yield Block(part, tuple(part.trials[start : start + BLOCK]))
