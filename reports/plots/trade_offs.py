"""Quality against speed, memory and the rest of what it costs, and the systems that are best for what they cost.

Quality and cost are joined by name: of systems that were scored and profiled apart, or that have both in one table.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from vidgauge.reports.comparison import Cell, Column, Row, Table
from vidgauge.reports.plots.naming import said
from vidgauge.reports.plots.plot import Guide, Plot, Quantity, Value, draw
from vidgauge.reports.ranking import is_case, is_published, task

_COSTS = ("latency", "peak_memory")
_COSTS_IN_A_ROW = (*_COSTS, "parameters", "training_flops")
_NO_QUALITIES = ("s", "B", "FLOP")
_FRONT = "Pareto front"


@dataclass(frozen=True)
class _Measured:
    table: Table
    row: Row
    cell: Cell
    column: Column

    @property
    def number(self) -> float:
        assert self.cell.record.value is not None, "only records with a value are drawn"
        return self.cell.record.value

    @property
    def is_cost_of_a_case(self) -> bool:
        subject = self.row.subject
        return is_case(subject) and subject.kind == "system" and self.column.measure.name in _COSTS

    @property
    def is_quality(self) -> bool:
        measure = self.column.measure
        is_rate = measure.unit.endswith("/s")
        return not (
            is_case(self.row.subject) or is_rate or measure.unit in _NO_QUALITIES or measure.better == "neither"
        )


_Rivals = dict[str, _Measured]
"""By name."""


def trade_offs(tables: Sequence[Table]) -> Iterator[Plot]:
    """One plot for each pair of a quality and a cost that two systems of one name in both have, or more.

    Of systems that have both in one row, the table's first quality alone is drawn.
    """
    found = list(_measured(tables))
    qualities = _contests(each for each in found if each.is_quality)
    costs = _contests(each for each in found if each.is_cost_of_a_case)
    for quality in qualities:
        for cost in costs:
            yield from _plots(quality, cost)
    firsts: dict[str, _Rivals] = {}
    for quality in qualities:
        firsts.setdefault(_task(quality), quality)
    for asked, quality in firsts.items():
        rows = {each.row.anchor for each in quality.values()}
        beside = (each for each in found if each.row.anchor in rows and each.column.measure.name in _COSTS_IN_A_ROW)
        for cost in _contests(beside):
            if _task(cost) == asked:
                yield from _plots(quality, cost)


def _measured(tables: Sequence[Table]) -> Iterator[_Measured]:
    for table in tables:
        for row in table.rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                if cell and cell.record.value is not None and not is_published(row.subject):
                    yield _Measured(table, row, cell, column)


def _contests(found: Iterable[_Measured]) -> list[_Rivals]:
    """Those of one measure, protocol and task; costs of one environment as well."""
    contests: dict[tuple[str, ...], _Rivals] = defaultdict(dict)
    for each in found:
        protocol = each.column.protocol, each.cell.record.protocol.fingerprint
        environment = "" if each.is_quality else each.row.environment
        key = (each.column.measure.name, *protocol, task(each.row.subject), environment)
        contests[key].setdefault(each.row.subject.name, each)
    return list(contests.values())


def _task(rivals: _Rivals) -> str:
    return task(next(iter(rivals.values())).row.subject)


def _plots(qualities: _Rivals, costs: _Rivals) -> Iterator[Plot]:
    """One, or none where there are not two systems to compare."""
    both = [(qualities[name], costs[name]) for name in qualities if name in costs]
    if len(both) < 2:
        return
    quality, cost = both[0]
    better = quality.column.measure.better
    config = cost.row.subject.config
    where = [str(config[key]) for key in ("group", "case", "direction", "dtype", "device") if key in config]
    where += [f"batch {config['batch']}"] if "batch" in config else []
    values = {ours.row.subject.name: _value(ours, theirs) for ours, theirs in both}
    front = _front(values, higher=better == "higher")
    yield draw(
        f"{quality.column.title} against {cost.column.title}",
        ", ".join([quality.column.protocol, *where]),
        Quantity(cost.column.title, cost.column.scale, from_zero=True),
        Quantity(f"{quality.column.title}, {better} is better", quality.column.scale),
        {name: [value] for name, value in values.items()},
        guides=[_line(front, list(values.values()), higher=better == "higher")],
        remarks=[f"On the front, by values alone: {', '.join(front)}. Intervals may put others on it."],
    )


def _front(values: dict[str, Value], *, higher: bool) -> dict[str, Value]:
    """Those that no other one beats: for each, all that cost less or as much are worse. Cheapest first."""
    sign = -1 if higher else 1
    front: dict[str, Value] = {}
    best = float("inf")
    for name, value in sorted(values.items(), key=lambda each: (each[1].x, sign * each[1].y)):
        if sign * value.y < best:
            front[name], best = value, sign * value.y
    return front


def _line(front: dict[str, Value], values: Sequence[Value], *, higher: bool) -> Guide:
    """Steps between what is out of reach and what some system does as well for less."""
    points = list(front.values())
    worst = (min if higher else max)(value.y for value in values)
    steps = [(points[0].x, worst)]
    for before, after in pairwise(points):
        steps += [(before.x, before.y), (after.x, before.y)]
    last = points[-1]
    return Guide(_FRONT, (*steps, (last.x, last.y), (max(value.x for value in values), last.y)))


def _value(quality: _Measured, cost: _Measured) -> Value:
    scored = quality.cell.record
    text = f"{said(quality.row, quality.cell, quality.column)}; {cost.column.title} {cost.cell.value}"
    text += f" {cost.cell.interval} {cost.column.scale.unit}".replace("  ", " ").rstrip()
    return Value(cost.number, quality.number, scored.low, scored.high, text, quality.row.anchor)
