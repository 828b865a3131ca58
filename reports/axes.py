"""Axes: numbers to positions in percent, and round numbers to label them with."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeGuard

_LOG_FROM = 20  # largest over smallest value from which an axis is logarithmic
_MARGIN = 2.0  # percent left free at both ends
_MOST_TICKS = 6


@dataclass(frozen=True)
class Axis:
    """From one number to another, linear or logarithmic."""

    start: float
    end: float
    logarithmic: bool

    @classmethod
    def over(cls, numbers: Iterable[float], *, from_zero: bool, log_from: float = _LOG_FROM) -> "Axis":
        """An axis that shows all of these numbers, at least one.

        Args:
            numbers: finite ones.
            from_zero: whether a linear axis begins at 0, where no number is below it.
            log_from: the ratio of the largest to the smallest number from which the axis is logarithmic.
        """
        found = list(numbers)
        low, high = min(found), max(found)
        if low > 0 and high / low > log_from:
            return cls(low, high, logarithmic=True)
        if from_zero and low >= 0:
            low = 0.0
        if high == low:
            high = low + (abs(low) or 1.0)
        return cls(low, high, logarithmic=False)

    def percent(self, number: float) -> float:
        """Where it lies, from 2 at the start to 98 at the end."""
        if self.logarithmic:
            share = math.log(number / self.start) / math.log(self.end / self.start)
        else:
            share = (number - self.start) / (self.end - self.start)
        return round(_MARGIN + (100 - 2 * _MARGIN) * share, 2)

    def ticks(self) -> list[float]:
        """A handful of round numbers on it."""
        if not self.logarithmic:
            return self._steps()
        choices = [self._powers(digits) for digits in ((1,), (1, 3), (1, 2, 5))]
        inside = max((ticks for ticks in choices if len(ticks) <= _MOST_TICKS), key=len, default=choices[0])
        return inside[:: max(1, len(inside) // (_MOST_TICKS - 1))] if len(inside) > 2 else self._steps()

    def _steps(self) -> list[float]:
        step = _round_step((self.end - self.start) / 4)
        first, last = math.ceil(self.start / step - 1e-9), math.floor(self.end / step + 1e-9)
        return [round(index * step, 12) for index in range(first, last + 1)]

    def _powers(self, digits: tuple[int, ...]) -> list[float]:
        decades = range(math.floor(math.log10(self.start)), math.ceil(math.log10(self.end)) + 1)
        ticks = [digit * 10.0**decade for decade in decades for digit in digits]
        return [tick for tick in ticks if self.start * 0.999 <= tick <= self.end * 1.001]


def is_number(value: object) -> TypeGuard[float]:
    """Whether it can stand on an axis: what configurations and details hold may be anything."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf


def _round_step(rough: float) -> float:
    """The next of 1, 2, 5, 10, ... times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= rough * 0.999)
