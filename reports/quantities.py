"""Numbers as people read them: units with SI prefixes, and as many digits as the interval supports."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_DECIMAL = ((1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"), (1e15, "P"))
_LADDERS = {
    "s": ((1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms"), (1.0, "s")),
    "B": tuple((1024.0**power, unit) for power, unit in enumerate(("B", "KiB", "MiB", "GiB", "TiB"))),
    "FLOP": tuple((factor, f"{prefix}FLOP") for factor, prefix in _DECIMAL),
    "FLOP/s": tuple((factor, f"{prefix}FLOP/s") for factor, prefix in _DECIMAL),
    "B/s": tuple((factor, f"{prefix}B/s") for factor, prefix in _DECIMAL),
}
YES_OR_NO = "yes or no"
"""The unit of 1 and 0 where they say whether something is so."""
THIN_SPACE = "\u202f"  # between thousands: a comma would run into the interval's own
_MOST_DIGITS = 6  # however narrow the interval, nobody reads more
_DIGITS_WITHOUT_INTERVAL = 4


@dataclass(frozen=True)
class Scale:
    """The unit in which one column is printed."""

    unit: str
    """As printed, such as ``ms``; empty for a pure number."""
    factor: float
    """How many of the record's units it holds: 0.001 for ``ms`` where the record says ``s``."""


@dataclass(frozen=True)
class Written:
    """A value and its interval as text."""

    value: str
    interval: str
    """Such as ``[11.0, 13.5]``; empty where there is none."""
    below: str = ""
    """How far its low end lies below the value, to the same place; empty where the value is not inside."""
    above: str = ""
    """How far its high end lies above; the same text as ``below`` where no printed digit tells them apart."""


def choose_scale(unit: str, values: Sequence[float]) -> Scale:
    """One unit for a whole column, so that its numbers compare at a glance: the one that suits its median."""
    if unit not in _LADDERS:
        return Scale(unit="" if unit == "1" else unit, factor=1.0)
    sizes = sorted(abs(value) for value in values if value)
    middle = sizes[len(sizes) // 2] if sizes else 1.0
    ladder = _LADDERS[unit]
    factor, name = max((step for step in ladder if step[0] <= middle), default=ladder[0])
    return Scale(unit=name, factor=factor)


def write(value: float, low: float | None, high: float | None, scale: Scale) -> Written:
    """Write a value to two digits of its interval's half width, and the interval's ends to the same place.

    Without an interval: whole numbers in full, others to four significant digits.
    """
    if scale.unit == YES_OR_NO:
        return Written("yes" if value else "no", "")
    ends = () if low is None or high is None else (low / scale.factor, high / scale.factor)
    numbers = (value / scale.factor, *ends)
    decimals = _decimals(numbers)
    largest = max(abs(number) for number in numbers)
    if largest and (decimals > _MOST_DIGITS or largest >= 1e9):
        exponent = _exponent(largest)
        digits = decimals + exponent if ends else _DIGITS_WITHOUT_INTERVAL - 1
        mantissa_digits = min(max(digits, 0), _MOST_DIGITS - 1)
        texts = [_scientific(number, mantissa_digits) for number in numbers]
        margins = [_to_place(margin, mantissa_digits - exponent) for margin in _margins(numbers, decimals)]
    else:
        texts = [_fixed(number, max(decimals, 0)) for number in numbers]
        margins = [_fixed(margin, max(decimals, 0)) for margin in _margins(numbers, decimals)]
    return Written(texts[0], f"[{texts[1]}, {texts[2]}]" if ends else "", *margins)


def _margins(numbers: tuple[float, ...], decimals: int) -> tuple[float, ...]:
    """How far the ends lie from the value; one and the same where they differ by less than what is printed."""
    value, *ends = numbers
    if not ends or not ends[0] <= value <= ends[1]:
        return ()
    below, above = value - ends[0], ends[1] - value
    if abs(below - above) <= 0.5 * 10.0**-decimals:
        below = above = (below + above) / 2
    return below, above


def _decimals(numbers: tuple[float, ...]) -> int:
    """Digits after the point that mean something."""
    value, *ends = numbers
    spread = (ends[1] - ends[0]) / 2 if ends else 0.0
    if spread > 0:
        largest = max(abs(number) for number in numbers)
        return min(1 - _exponent(spread), _MOST_DIGITS - 1 - _exponent(largest))
    if value == int(value):
        return 0
    return _DIGITS_WITHOUT_INTERVAL - 1 - _exponent(abs(value))


def _exponent(number: float) -> int:
    return math.floor(math.log10(number) + 1e-9)  # 0.1 as 0.0999999999999 is still a tenth


def _fixed(number: float, decimals: int) -> str:
    text = f"{number:,.{decimals}f}".replace(",", THIN_SPACE)
    is_zero = not text.strip("-0.")
    return text.lstrip("-") if is_zero else text  # a rounded -0.004 is not "-0.00"


def _to_place(number: float, decimals: int) -> str:
    """In scientific notation, up to this place after the point."""
    return _scientific(number, max(decimals + _exponent(number), 0)) if number else "0"


def _scientific(number: float, digits: int) -> str:
    mantissa, _, exponent = f"{number:.{digits}e}".partition("e")
    return f"{mantissa}e{int(exponent)}"
