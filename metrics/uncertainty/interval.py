"""What an interval says, and what it is an interval for."""

from collections.abc import Sequence
from dataclasses import dataclass

EXPECTED = "the expected value at this number of videos"
"""What intervals around a score cover. A Fréchet distance is biased upwards at any number of videos: the value between
the distributions themselves is lower, and no interval around the score is for that."""

POPULATION = "the value between the distributions, as far as a straight line in 1/N reaches it"
"""What intervals around an extrapolated distance cover."""


@dataclass(frozen=True)
class Interval:
    """A confidence interval, or the reason why there is none."""

    low: float | None
    high: float | None
    level: float | None
    reason: str = ""
    method: str = ""
    """``influence`` or ``bootstrap``."""
    standard_error: float | None = None
    covers: str = ""
    """What lies in such intervals as often as the level says."""

    @property
    def fields(self) -> dict[str, float | str | None]:
        """Those of a record."""
        return {"low": self.low, "high": self.high, "level": self.level, "no_interval": self.reason}


def none_for(reason: str) -> Interval:
    """No interval, and why."""
    return Interval(None, None, None, reason)


def too_few(videos: Sequence[int], minimum: int) -> str:
    """Why sets of so many independent videos are too small for an interval; nothing where they are not."""
    if min(videos) >= minimum:
        return ""
    return f"{min(videos)} independent videos in a set; an interval needs at least {minimum}"
