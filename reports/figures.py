"""Figures: values with their intervals on one axis, drawn only between records that may be ranked.

They are plain SVG with positions in percent, so that they stretch from a phone to a printed page with the text at its
own size, take the page's colours, and come out the same each time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vidgauge.reports.axes import Axis
from vidgauge.reports.comparison import Cell, Column, Row, Table
from vidgauge.reports.configuration import NOT_SAID
from vidgauge.reports.plots.naming import labelled
from vidgauge.reports.ranking import Rank, contest, is_case, is_published

_MOST_FIGURES = 12
_MOST_BARS = 24


@dataclass(frozen=True)
class Bar:
    """One value on the axis; positions in percent of the width."""

    label: str
    text: str
    at: float
    low: float | None
    high: float | None
    rank: Rank
    anchor: str
    """Of the row that it comes from."""


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

    Of benchmark cases the measured times are drawn, of everything else each measure that has a better way.
    """
    contests: dict[tuple[str, ...], list[tuple[Row, Cell]]] = {}
    columns: dict[tuple[str, ...], Column] = {}
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            if cell and cell.record.status == "ok" and _is_drawn(row, cell, column):
                key = contest(cell.record)
                columns[key] = column
                contests.setdefault(key, []).append((row, cell))
    worth = [key for key in contests if len(contests[key]) > 1]
    drawn = [_figure(table, columns[key], contests[key]) for key in worth[:_MOST_FIGURES]]
    return drawn, len(worth) - len(drawn)


def _is_drawn(row: Row, cell: Cell, column: Column) -> bool:
    if is_published(row.subject):
        return False  # each number has a protocol of its own, and no rival
    if is_case(row.subject):
        return column.measure.unit == "s" and cell.record.n > 0  # what was predicted rests on no sample
    return column.measure.better != "neither" and not is_published(row.subject)


def _figure(table: Table, column: Column, rivals: Sequence[tuple[Row, Cell]]) -> Figure:
    shown = rivals[:_MOST_BARS]
    axis = Axis.over(_numbers(shown, column), from_zero=column.measure.unit in ("s", "B"))
    unit = f" ({column.scale.unit})" if column.scale.unit else ""
    apart = [place for place in range(1, len(table.stub)) if len({row.stub[place] for row, _ in rivals}) > 1]
    telling = [place for place in range(1, len(table.stub)) if len({row.stub[place] for row in table.rows}) > 1]
    alike = [(table.stub[place], rivals[0][0].stub[place]) for place in telling if place not in apart]
    subtitle = [labelled(key, text) for key, text in alike if text != NOT_SAID]
    return Figure(
        title=column.title + unit,
        subtitle=", ".join([column.protocol, *subtitle]),
        bars=tuple(_bar(row, cell, column, axis, apart) for row, cell in shown),
        ticks=tuple((axis.percent(tick), f"{tick:g}") for tick in axis.ticks()),
        logarithmic=axis.logarithmic,
        hidden=len(rivals) - len(shown),
    )


def _numbers(rivals: Sequence[tuple[Row, Cell]], column: Column) -> list[float]:
    spans = (_scaled(cell, column) for _, cell in rivals)
    return [number for span in spans for number in span if number is not None]


def _bar(row: Row, cell: Cell, column: Column, axis: Axis, apart: Sequence[int]) -> Bar:
    value, low, high = _scaled(cell, column)
    return Bar(
        label=" ".join([row.stub[0], *(row.stub[place] for place in apart)]),
        text=f"{cell.value} {cell.interval}".strip(),
        at=axis.percent(value),
        low=None if low is None else axis.percent(low),
        high=None if high is None else axis.percent(high),
        rank=cell.rank,
        anchor=row.anchor,
    )


def _scaled(cell: Cell, column: Column) -> tuple[float, float | None, float | None]:
    record, factor = cell.record, column.scale.factor
    assert record.value is not None, "only records with a value are drawn"
    low = None if record.low is None else record.low / factor
    high = None if record.high is None else record.high / factor
    return record.value / factor, low, high
