"""Quality against speed and memory: systems whose videos were scored and whose passes were measured."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vidgauge.reports.comparison import Cell, Column, Row, Table
from vidgauge.reports.plots.naming import said
from vidgauge.reports.plots.plot import Plot, Quantity, Value, draw
from vidgauge.reports.ranking import is_case, is_published, task

_COSTS = ("latency", "peak_memory")


@dataclass(frozen=True)
class _Measured:
    table: Table
    row: Row
    cell: Cell
    column: Column


def trade_offs(tables: Sequence[Table]) -> Iterator[Plot]:
    """One plot for each pair of a quality and a cost that two systems of one name in both have, or more."""
    qualities: dict[tuple[str, ...], dict[str, _Measured]] = defaultdict(dict)
    costs: dict[tuple[str, ...], dict[str, _Measured]] = defaultdict(dict)
    for each in _measured(tables):
        measure, name = each.column.measure, each.row.subject.name
        key = (measure.name, each.column.protocol, each.cell.record.protocol.fingerprint, task(each.row.subject))
        if is_case(each.row.subject) and each.row.subject.kind == "system" and measure.name in _COSTS:
            costs[*key, each.row.environment].setdefault(name, each)
        elif not is_case(each.row.subject) and measure.better != "neither" and measure.unit not in ("s", "B"):
            qualities[key].setdefault(name, each)
    for quality in qualities.values():
        for cost in costs.values():
            both = [name for name in quality if name in cost]
            if len(both) > 1:
                yield _plot([(quality[name], cost[name]) for name in both])


def _measured(tables: Sequence[Table]) -> Iterator[_Measured]:
    for table in tables:
        for row in table.rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                if cell and cell.record.value is not None and not is_published(row.subject):
                    yield _Measured(table, row, cell, column)


def _plot(both: Sequence[tuple[_Measured, _Measured]]) -> Plot:
    quality, cost = both[0]
    better = f"{quality.column.measure.better} is better"
    config = cost.row.subject.config
    where = [str(config[key]) for key in ("case", "direction", "dtype", "device") if key in config]
    where += [f"batch {config['batch']}"] if "batch" in config else []
    return draw(
        f"{quality.column.title} against {cost.column.title}",
        ", ".join([quality.column.protocol, *where]),
        Quantity(cost.column.title, cost.column.scale, from_zero=True),
        Quantity(f"{quality.column.title}, {better}", quality.column.scale),
        {ours.row.subject.name: [_value(ours, theirs)] for ours, theirs in both},
    )


def _value(quality: _Measured, cost: _Measured) -> Value:
    scored, spent = quality.cell.record, cost.cell.record
    assert scored.value is not None, "only records with a value are drawn"
    assert spent.value is not None, "only records with a value are drawn"
    text = f"{said(quality.row, quality.cell, quality.column)}; {cost.column.title} {cost.cell.value}"
    text += f" {cost.cell.interval} {cost.column.scale.unit}".replace("  ", " ")
    return Value(spent.value, scored.value, scored.low, scored.high, text, quality.row.anchor)
