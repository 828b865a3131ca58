"""How much of a suite fits into a time: parts in order, until the next one does not."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

_FIRST_GUESS = 10.0
"""Seconds that a part takes beyond its rounds, until one has shown it: start, warm-up, memory."""


@dataclass
class Budget:
    """Wall-clock time for a whole run."""

    seconds: float | None = None
    """As much as it takes, unless given."""
    now: Callable[[], float] = time.monotonic
    start: float = field(init=False)
    overheads: list[float] = field(default_factory=list)
    """What each part so far took beyond the time that its budget grants."""

    def __post_init__(self) -> None:
        self.start = self.now()

    @property
    def deadline(self) -> float | None:
        """When whatever is under way is to be stopped, by the clock."""
        return None if self.seconds is None else self.start + self.seconds

    def refuses(self, seconds: float) -> str:
        """Why a part that is granted so many seconds cannot start any more; nothing if it can."""
        if self.seconds is None:
            return ""
        passed = self.now() - self.start
        needed = seconds + (median(self.overheads) if self.overheads else _FIRST_GUESS)
        if passed + needed <= self.seconds:
            return ""
        room = f"{passed:.0f} s have passed, and it would take {needed:.0f} s"
        return f"{CUT} of {self.seconds:g} s has no room for it: {room}"

    def took(self, granted: float, seconds: float) -> None:
        """Learn from a part that is done."""
        self.overheads.append(max(0.0, seconds - granted))


CUT = "the budget"
"""How reasons begin that more time would mend."""
