"""What a validation does, as units that are scored one by one and never twice."""

from collections.abc import Sequence
from dataclasses import dataclass

from vidgauge.datasets.distortions import DISTORTIONS
from vidgauge.errors import UsageError, near_misses

SEVERITIES = (0.125, 0.25, 0.5, 1.0)
UNDISTORTED, HALVES = "undistorted", "halves"
SAME_FRAMES = {"wobble": "warp"}
"""Distortions that damage time beside frames, and those that damage frames alike and leave time alone."""


@dataclass(frozen=True)
class Unit:
    """A set of clips to be scored."""

    distortion: str
    severity: float = 0.0

    @property
    def name(self) -> str:
        """What records call it."""
        return f"{self.distortion} {self.severity:g}" if self.severity else self.distortion


FIRST = Unit(UNDISTORTED)
"""Sets of undistorted clips: a protocol that has no value here is asked no further. Pairs of equal videos need none."""
FLOOR = Unit(HALVES)
"""All undistorted clips, divided at random again and again."""


def ladder_units(distortions: Sequence[str]) -> list[Unit]:
    """Each distortion from its least severity to its worst."""
    return [Unit(distortion, severity) for distortion in distortions for severity in SEVERITIES]


def chosen(distortions: Sequence[str]) -> list[str]:
    """The distortions that are asked for, in the order in which they are listed; all of them if none is.

    Raises:
        UsageError: for one that does not exist.
    """
    for name in distortions:
        if name not in DISTORTIONS:
            raise UsageError(f"there is no distortion {name!r}; {near_misses(name, list(DISTORTIONS))}")
    return [name for name in DISTORTIONS if name in distortions or not distortions]
