"""A measure along a number of the configuration: frames, extent, batch, or a ladder of damage, with its crossovers.

Which numbers there are, the records say: any that differs between subjects which are otherwise alike is an axis. What a
suite sweeps stands in the details of its ratios.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vidgauge.record import Record
from vidgauge.reports.axes import is_number
from vidgauge.reports.comparison import Cell, Column, Row, Table
from vidgauge.reports.configuration import NOT_SAID, config_text
from vidgauge.reports.plots.naming import labelled, said
from vidgauge.reports.plots.plot import MOST_TICKS, Plot, Quantity, Value, draw
from vidgauge.reports.quantities import Scale
from vidgauge.reports.ranking import canonical, is_case, is_published

_OF_CASES = ("latency", "peak_memory")
_LAYERS_OWN = frozenset({"shape", "backend", "layout", "compile", "layer", "layer_config", "system"})
"""Of a benchmark case: what follows from its extents, or is a contestant's own answer to it."""
_NAMES = {"T": "frames", "HW": "height and width", "C": "channels"}
_LOG_FROM = 7.9  # extents double: from 1 to 8 on


@dataclass(frozen=True)
class _Found:
    """A value and where it stands on an axis."""

    row: Row
    cell: Cell
    column: Column
    at: float

    @property
    def words(self) -> tuple[str, ...]:
        """What tells it from others of its name, outside of benchmark cases: the texts of its configuration."""
        config = self.row.subject.config
        return () if is_case(self.row.subject) else tuple(v for v in config.values() if isinstance(v, str))


def along(table: Table) -> Iterator[Plot]:
    """One plot for each measure, axis and circumstances where some subject stands at two places of the axis or more."""
    panels: dict[tuple[str, str, int], list[_Found]] = defaultdict(list)
    circumstances: dict[tuple[str, str, int], dict[str, Any]] = {}
    for row in table.rows:
        extents = _extents(row)
        for index, (column, cell) in enumerate(zip(table.columns, row.cells, strict=True)):
            if cell and cell.record.value is not None and _is_drawn(row, column):
                for axis, at in extents.items():
                    around = _around(row, extents, axis)
                    key = (axis, canonical(around), index)
                    circumstances[key] = around
                    panels[key].append(_Found(row, cell, column, at))
    for key, found in sorted(panels.items(), key=lambda panel: panel[0][0] == "batch"):  # what is swept comes first
        lines = _lines(found, table)
        if any(len({point.at for point in line}) > 1 for line in lines.values()):
            yield _plot(table, key[0], circumstances[key], lines)


def _extents(row: Row) -> dict[str, float]:
    """Its numbers, by name; none by which nothing can grow, such as a seed."""
    config = row.subject.config
    found = {key: value for key, value in config.items() if is_number(value) and not key.endswith("seed")}
    for cell in row.cells:
        sweep = cell.record.details.get("sweep") if cell else None
        if isinstance(sweep, dict) and is_number(sweep.get("value")):
            found[str(sweep.get("axis"))] = sweep["value"]
    return found


def _is_drawn(row: Row, column: Column) -> bool:
    if is_published(row.subject):
        return False  # each number has a protocol of its own
    return column.measure.name in _OF_CASES if is_case(row.subject) else column.measure.better != "neither"


def _around(row: Row, extents: Mapping[str, float], axis: str) -> dict[str, Any]:
    """All that must be equal for two values to share a plot along the axis."""
    config = {**row.subject.config, **extents}
    config.pop(axis)
    if is_case(row.subject):
        kept = {key: value for key, value in config.items() if key not in _LAYERS_OWN}
        return kept | {"environment": row.environment}
    return {key: value for key, value in config.items() if key != "generated" and not isinstance(value, str)}


def _lines(found: Sequence[_Found], table: Table) -> dict[str, list[_Found]]:
    """Values that belong together, by what the plot calls them.

    Of one name; or, where each rung of a ladder has a name of its own, of one kind.
    """
    several = len(table.environments) > 1 and not is_case(found[0].row.subject)
    by_name: dict[str, list[_Found]] = defaultdict(list)
    by_kind: dict[str, list[_Found]] = defaultdict(list)
    for point in found:
        words = [*point.words, *([point.row.environment] if several else [])]
        by_kind[", ".join(words) or table.kind].append(point)
        by_name[", ".join([point.row.stub[0], *words])].append(point)
    lasting = any(len({point.at for point in line}) > 1 for line in by_name.values())
    return by_name if lasting else by_kind


def _plot(table: Table, axis: str, around: Mapping[str, Any], lines: Mapping[str, Sequence[_Found]]) -> Plot:
    found = [point for line in lines.values() for point in line]
    column = found[0].column
    places = sorted({point.at for point in found})
    crossovers = list(_crossovers(table, axis, around)) if column.measure.name == "latency" else []
    name = _NAMES.get(axis, axis.replace("_", " "))
    return draw(
        f"{column.title} along {name}",
        _subtitle(table, [point.row for point in found], axis),
        Quantity(
            f"{name} {axis}" if axis in _NAMES else name,
            Scale("", 1.0),
            log_from=_LOG_FROM,
            ticks=tuple(places) if len(places) <= MOST_TICKS else (),
        ),
        Quantity(column.title, column.scale, from_zero=column.measure.unit in ("s", "B")),
        {name: [_value(point, axis) for point in line] for name, line in lines.items()},
        joined=True,
        bands=[(each.low, each.high) for record in crossovers for each in _crossings(record)],
        remarks=[sentence for record in crossovers for sentence in _sentences(record)],
    )


def _value(point: _Found, axis: str) -> Value:
    record = point.cell.record
    assert record.value is not None, "only records with a value are drawn"
    text = said(point.row, point.cell, point.column, f"{axis} {point.at:g}")
    return Value(point.at, record.value, record.low, record.high, text, point.row.anchor)


def _subtitle(table: Table, rows: Sequence[Row], axis: str) -> str:
    """What is the same here and not all over the table."""
    texts = []
    for place in range(1, len(table.stub)):
        here = {row.stub[place] for row in rows}
        everywhere = {row.stub[place] for row in table.rows}
        about = table.stub[place] not in (axis, *_LAYERS_OWN)
        if about and len(here) == 1 < len(everywhere) and (text := here.pop()) != NOT_SAID:
            texts.append(labelled(table.stub[place], text))
    return ", ".join(texts)


def _crossovers(table: Table, axis: str, around: Mapping[str, Any]) -> Iterator[Record]:
    """Records of where the winner changes along this axis, under these circumstances."""
    for cell in table.cells:
        config = cell.record.subject.config
        if cell.record.measure.name == "crossover" and config.get("axis") == axis:
            here = cell.record.environment == around.get("environment")
            if here and all(config[key] == value for key, value in around.items() if key in config):
                yield cell.record


@dataclass(frozen=True)
class _Crossing:
    low: float
    high: float
    before: str
    after: str


def _crossings(record: Record) -> Iterator[_Crossing]:
    found = record.details.get("crossings")
    for each in found if isinstance(found, list) else []:
        match each:
            case {"between": [low, high], "before": before, "after": after} if is_number(low) and is_number(high):
                yield _Crossing(low, high, str(before), str(after))


def _sentences(record: Record) -> Iterator[str]:
    who = f"{record.subject.name} against {config_text(record.details.get('baseline'))}"
    found = list(_crossings(record))
    for each in found:
        yield f"{who}: {each.before} up to {each.low:g}, {each.after} from {each.high:g} on."
    if not found:
        yield f"{who}: {record.reason or 'no crossover'}."
