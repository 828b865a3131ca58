"""How losses went down: a line a phase of training, those of one system alike.

Each system has losses of its own kind, and so has each of its phases: the way of a line means something, its height
beside another's does not.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from vidgauge.reports.axes import is_number
from vidgauge.reports.comparison import Cell, Table
from vidgauge.reports.plots.plot import Plot, Quantity, Value, draw
from vidgauge.reports.quantities import Scale

_LOG_FROM = 5.0


def learning_curves(table: Table) -> Iterator[Plot]:
    """One plot for a table with losses that kept their way."""
    series: dict[str, list[Value]] = defaultdict(list)
    for row in table.rows:
        for cell in row.cells:
            for phase, points in _curves(cell) if cell else []:
                who = ", ".join(part for part in (row.stub[0], _seed(cell), phase) if part)
                series[row.subject.name] += _line(who, points, row.anchor)
    if series:
        yield draw(
            "loss while training",
            table.title.partition(":")[0],
            Quantity("time", Scale("s", 1.0), from_zero=True, log_from=float("inf")),
            Quantity("loss", Scale("", 1.0), log_from=_LOG_FROM),
            series,
            joined=True,
            remarks=["A line a phase, its end marked. Losses are of unlike kinds: their heights do not compare."],
        )


def _curves(cell: Cell) -> list[tuple[str, list[list[float]]]]:
    """Phases with points of steps, seconds and loss; of phases without two points none."""
    found = cell.record.details.get("curve")
    if not isinstance(found, dict) or cell.record.measure.name != "loss":
        return []
    curves = [(str(phase), _points(points)) for phase, points in found.items()]
    return [(phase, points) for phase, points in curves if len(points) > 1]


def _points(found: Any) -> list[list[float]]:  # noqa: ANN401 - whatever details hold
    points = found if isinstance(found, list) else []
    return [point for point in points if isinstance(point, list) and len(point) == 3 and all(map(is_number, point))]


def _seed(cell: Cell | None) -> str:
    seed = cell.record.subject.config.get("seed") if cell else None
    return "" if seed is None else f"seed {seed}"


def _line(who: str, points: list[list[float]], anchor: str) -> list[Value]:
    steps, seconds, loss = points[-1]
    end = f"{who}: loss {loss:.4g} after {steps:,.0f} steps, at {seconds:.3g} s"
    values = [Value(at, of, None, None, "", anchor, line=who) for _, at, of in points[:-1]]
    return [*values, Value(seconds, loss, None, None, end, anchor, line=who)]
