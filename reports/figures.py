"""Figures: values with their intervals on one axis, drawn only between records that may be ranked.

They are plain SVG with positions in percent, so that they stretch from a phone to a printed page with the text at its
own size, take the page's colours, and come out the same each time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vidgauge.reports.comparison import Cell, Column, Row, Table
from vidgauge.reports.ranking import Rank, contest, is_case

_MOST_FIGURES = 12
_MOST_BARS = 24
_LOG_FROM = 20  # largest over smallest value from which the axis is logarithmic
_MARGIN = 2.0  # percent left free at both ends


@dataclass(frozen=True)
class Bar:
    """One value on the axis; positions in percent of the width."""

    label: str
    text: str
    at: float
    low: float | None
    high: float | None
    rank: Rank


@dataclass(frozen=True)
class Figure:
    """One contest: the same measure, protocol and task."""

    title: str
    subtitle: str
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    """Position in percent, and label."""
    logarithmic: bool
    hidden: int
    """How many rivals had no room."""


def figures(table: Table) -> tuple[list[Figure], int]:
    """The figures of a table, and how many more were not drawn.

    Of benchmark cases the times are drawn, of everything else each measure that has a better way.
    """
    contests: dict[tuple[str, ...], list[tuple[Row, Cell]]] = {}
    columns: dict[tuple[str, ...], Column] = {}
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            if cell and cell.record.status == "ok" and _is_drawn(row, column):
                key = contest(cell.record)
                columns[key] = column
                contests.setdefault(key, []).append((row, cell))
    worth = [key for key in contests if len(contests[key]) > 1]
    drawn = [_figure(table, columns[key], contests[key]) for key in worth[:_MOST_FIGURES]]
    return drawn, len(worth) - len(drawn)


def _is_drawn(row: Row, column: Column) -> bool:
    return column.measure.unit == "s" if is_case(row.subject) else column.measure.better != "neither"


def _figure(table: Table, column: Column, rivals: Sequence[tuple[Row, Cell]]) -> Figure:
    shown = rivals[:_MOST_BARS]
    axis = _Axis.over([_scaled(cell, column) for _, cell in shown], from_zero=column.measure.unit in ("s", "B"))
    unit = f" ({column.scale.unit})" if column.scale.unit else ""
    apart = [place for place in range(1, len(table.stub)) if len({row.stub[place] for row, _ in rivals}) > 1]
    telling = [place for place in range(1, len(table.stub)) if len({row.stub[place] for row in table.rows}) > 1]
    alike = [place for place in telling if place not in apart]
    subtitle = [_named(table.stub[place], rivals[0][0].stub[place]) for place in alike]
    return Figure(
        title=column.title + unit,
        subtitle=", ".join([column.protocol, *subtitle]),
        bars=tuple(_bar(row, cell, column, axis, apart) for row, cell in shown),
        ticks=tuple((axis.percent(tick), f"{tick:g}") for tick in axis.ticks()),
        logarithmic=axis.logarithmic,
        hidden=len(rivals) - len(shown),
    )


def _named(key: str, text: str) -> str:
    return text if key in ("case", "direction", "dtype", "device") else f"{key} {text}"


def _bar(row: Row, cell: Cell, column: Column, axis: "_Axis", apart: Sequence[int]) -> Bar:
    value, low, high = _scaled(cell, column)
    return Bar(
        label=" ".join([row.stub[0], *(row.stub[place] for place in apart)]),
        text=f"{cell.value} {cell.interval}".strip(),
        at=axis.percent(value),
        low=None if low is None else axis.percent(low),
        high=None if high is None else axis.percent(high),
        rank=cell.rank,
    )


def _scaled(cell: Cell, column: Column) -> tuple[float, float | None, float | None]:
    record, factor = cell.record, column.scale.factor
    assert record.value is not None, "only records with a value are drawn"
    low = None if record.low is None else record.low / factor
    high = None if record.high is None else record.high / factor
    return record.value / factor, low, high


@dataclass(frozen=True)
class _Axis:
    start: float
    end: float
    logarithmic: bool

    @classmethod
    def over(cls, spans: Sequence[tuple[float, float | None, float | None]], *, from_zero: bool) -> "_Axis":
        numbers = [number for span in spans for number in span if number is not None]
        low, high = min(numbers), max(numbers)
        if low > 0 and high / low > _LOG_FROM:
            return cls(low, high, logarithmic=True)
        if from_zero and low >= 0:
            low = 0.0
        if high == low:
            high = low + (abs(low) or 1.0)
        return cls(low, high, logarithmic=False)

    def percent(self, number: float) -> float:
        if self.logarithmic:
            share = math.log(number / self.start) / math.log(self.end / self.start)
        else:
            share = (number - self.start) / (self.end - self.start)
        return round(_MARGIN + (100 - 2 * _MARGIN) * share, 2)

    def ticks(self) -> list[float]:
        if not self.logarithmic:
            step = _round_step((self.end - self.start) / 4)
            first, last = math.ceil(self.start / step - 1e-9), math.floor(self.end / step + 1e-9)
            return [round(index * step, 12) for index in range(first, last + 1)]
        decades = range(math.floor(math.log10(self.start)), math.ceil(math.log10(self.end)) + 1)
        every = (1, 3) if len(decades) <= 4 else (1,)
        ticks = [digit * 10.0**decade for decade in decades for digit in every]
        inside = [tick for tick in ticks if self.start * 0.999 <= tick <= self.end * 1.001]
        return inside[:: max(1, len(inside) // 5)]


def _round_step(rough: float) -> float:
    """The next of 1, 2, 5, 10, ... times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= rough * 0.999)
