"""The same-distribution floor: what a protocol says where there is nothing to be seen."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vidgauge.metrics.protocols import PROTOCOLS

_LEVEL = 0.95


@dataclass(frozen=True)
class Floor:
    """Of one protocol, at one number of clips."""

    mean: float
    low: float
    """Below it lie two and a half per cent of all sets without damage."""
    high: float
    spread: float
    """Standard deviation of the value from one set without damage to the next."""
    level: float
    values: list[float]
    """Of the halves, from which all of this is told."""

    @classmethod
    def of(cls, protocol: str, values: Sequence[float]) -> "Floor | None":
        """From random halves of one pool; None where they do not differ.

        A distance between complementary halves varies as one between fresh sets does: it is what a permutation test
        takes for the null. A measure of one set does not: each half is half of the pool, and so varies less around the
        pool's value than a fresh set, by the square root of two for a mean (finite population correction). That is put
        right here.
        """
        values_n, mean = np.asarray(values), float(np.mean(values))
        wider = 1.0 if PROTOCOLS[protocol].any_rule.compares else math.sqrt(2)
        spread = wider * float(values_n.std(ddof=1))
        if not spread > 0:
            return None
        low, high = mean + wider * (np.quantile(values_n, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2]) - mean)
        return cls(mean, float(low), float(high), spread, _LEVEL, list(values))

    def holds(self, value: float) -> bool:
        """Whether a set without damage might well have such a value."""
        return self.low <= value <= self.high
