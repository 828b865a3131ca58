"""One distortion seen by one protocol: its values from the least severity to the worst, and what they say."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import kendalltau

from vidgauge.bench.studies.validate.floors import Floor
from vidgauge.record import Record


@dataclass(frozen=True)
class Ladder:
    """The records of one distortion, by rising severity; the first may be of undistorted clips."""

    rungs: Sequence[Record]
    """All of which have values."""
    floor: Floor | None
    """None for a protocol about pairs, which has none."""

    @property
    def worse(self) -> int:
        """The sign of a change for the worse."""
        return 1 if self.rungs[0].measure.better == "lower" else -1

    def reactions(self) -> list[float]:
        """How far each value lies from the floor's mean, in spreads of the floor; above 0 where it is worse."""
        assert self.floor is not None, "asked where there is a floor"
        floor = self.floor
        return [self.worse * (_value(rung) - floor.mean) / floor.spread for rung in self.rungs]

    def sensitivity(self) -> float | None:
        """The slope of the reactions over the change of pixels: spreads of the floor for each grey level.

        By least squares through the origin, since clips that are not changed react in nothing; None where no pixel is
        changed, as in still videos without noise.
        """
        reactions = np.array(self.reactions())
        changes = np.array([rung.details["rms"] for rung in self.rungs])
        return float((reactions * changes).sum() / (changes**2).sum()) if changes.any() else None

    def seen_from(self) -> float | None:
        """The least severity from which on no set without damage has such values; None where even the worst is not."""
        assert self.floor is not None, "asked where there is a floor"
        seen = None
        for rung in reversed(self.rungs):
            if self.floor.holds(_value(rung)):
                break
            seen = float(rung.subject.config["severity"])
        return seen

    def tau(self) -> float | None:
        """Kendall's rank correlation of severity and value: 1 if it gets worse at each step; None if all are equal."""
        tau = kendalltau(range(len(self.rungs)), [self.worse * _value(rung) for rung in self.rungs]).statistic
        return None if np.isnan(tau) else float(tau)

    def violations(self) -> list[tuple[float, float]]:
        """Pairs of severities of which the higher has the better value, by intervals that do not overlap."""
        return [
            (milder.subject.config["severity"], harsher.subject.config["severity"])
            for milder, harsher in combinations(self.rungs, 2)
            if _better(harsher, milder)
        ]


def _value(record: Record) -> float:
    assert record.value is not None, "those without are left out"
    return record.value


def _better(one: Record, other: Record) -> bool:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.high < other.low if one.measure.better == "lower" else one.low > other.high
