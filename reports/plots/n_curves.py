"""How a distance falls with the number of videos, from what extrapolation to infinitely many kept of its way."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vidgauge.reports.axes import is_number
from vidgauge.reports.comparison import Cell, Column, Table
from vidgauge.reports.configuration import NOT_SAID
from vidgauge.reports.plots.plot import MOST_TICKS, Plot, Quantity, Value, draw
from vidgauge.reports.quantities import Scale, write

_LOG_FROM = 3.9  # sets are halved: from two halvings on


def n_curves(table: Table) -> Iterator[Plot]:
    """One plot for each column with such a way: all subjects that have one."""
    for index, column in enumerate(table.columns):
        curves: dict[str, list[Value]] = defaultdict(list)
        remarks = []
        for row in table.rows:
            cell = row.cells[index]
            points = _curve(cell) if cell else []
            if cell and len(points) > 1:
                name = ", ".join(text for text in row.stub if text != NOT_SAID)
                curves[name] += [_value(name, row.anchor, column, point) for point in points]
                remarks += _at_infinity(name, cell)
        if curves:
            yield draw(
                f"{column.title} along N",
                f"{column.protocol}; of all videos, of their halves, quarters and so on",
                Quantity("videos of a set, N", Scale("", 1.0), log_from=_LOG_FROM, ticks=_sizes(curves)),
                Quantity(column.title, column.scale),
                curves,
                joined=True,
                remarks=remarks,
            )


def _sizes(curves: Mapping[str, Sequence[Value]]) -> tuple[float, ...]:
    """The sizes that there are, where they are few enough to stand beside each other."""
    sizes = sorted({value.x for values in curves.values() for value in values})
    return tuple(sizes) if len(sizes) <= MOST_TICKS else ()


def _curve(cell: Cell) -> list[dict[str, Any]]:
    found = cell.record.details.get("extrapolated")
    points = found.get("curve") if isinstance(found, dict) else None
    return [point for point in points if _is_point(point)] if isinstance(points, list) else []


def _is_point(point: object) -> bool:
    return isinstance(point, dict) and is_number(point.get("n")) and is_number(point.get("value"))


def _value(name: str, anchor: str, column: Column, point: dict[str, Any]) -> Value:
    low, high = point.get("low"), point.get("high")
    written = write(point["value"], low, high, column.scale)
    number = " ".join(part for part in (written.value, written.interval, column.scale.unit) if part)
    of = f", mean of {point['parts']} parts" if point.get("parts", 1) > 1 else ""
    said = f"{name}, N {point['n']:.4g}{of}: {column.title} {number}"
    return Value(point["n"], point["value"], low, high, said, anchor)


def _at_infinity(name: str, cell: Cell) -> list[str]:
    found = cell.record.details["extrapolated"]
    if found.get("value") is None:
        return [f"{name}: not extrapolated, {found['reason']}."] if found.get("reason") else []
    ends = f" [{found['low']:.4g}, {found['high']:.4g}]" if found.get("low") is not None else ""
    return [f"{name}: {found['value']:.4g}{ends} where N is infinite."]
