"""Speed-ups over the baseline: predicted from cost and ceilings against achieved."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from vidgauge.record import Record
from vidgauge.reports.axes import is_number
from vidgauge.reports.comparison import Row, Table
from vidgauge.reports.plots.naming import circumstances
from vidgauge.reports.plots.plot import Guide, Plot, Quantity, Value, draw
from vidgauge.reports.quantities import Scale

_ALIKE = ("direction", "dtype", "device")
_LOG_FROM = 3.0


def speedups(table: Table) -> Iterator[Plot]:
    """One plot for each direction and dtype for which speed-ups were predicted."""
    panels: dict[tuple[str, ...], dict[str, list[Value]]] = defaultdict(lambda: defaultdict(list))
    for row in table.rows:
        for cell in row.cells:
            if cell and _tells_speedups(cell.record):
                alike = [str(row.subject.config[key]) for key in _ALIKE if key in row.subject.config]
                environment = [f"environment {row.environment}"] if len(table.environments) > 1 else []
                value = _value(table, row, cell.record)
                panels[*alike, *environment][row.subject.name].append(value)
    for where, series in panels.items():
        yield _plot(", ".join(where), series)


def _tells_speedups(record: Record) -> bool:
    found = [record.details.get(name) for name in ("predicted_speedup", "achieved_speedup")]
    return all(is_number(number) and number > 0 for number in found)


def _plot(subtitle: str, series: Mapping[str, Sequence[Value]]) -> Plot:
    ends = [end for values in series.values() for value in values for end in (value.x, value.y)]
    low, high = min([*ends, 1.0]), max([*ends, 1.0])
    return draw(
        "predicted against achieved speed-up",
        subtitle,
        Quantity("predicted speed-up", Scale("", 1.0), log_from=_LOG_FROM),
        Quantity("achieved speed-up", Scale("", 1.0), log_from=_LOG_FROM),
        series,
        guides=[
            Guide("as predicted", ((low, low), (high, high))),
            Guide("as fast as the baseline", ((low, 1), (high, 1))),
        ],
        remarks=["Below the slanted line, less was achieved than predicted; each point says what explains it."],
    )


def _value(table: Table, row: Row, record: Record) -> Value:
    predicted, achieved = float(record.details["predicted_speedup"]), float(record.details["achieved_speedup"])
    reasons = [str(each.get("text")) for each in record.details.get("reasons") or [] if isinstance(each, dict)]
    who = f"{circumstances(table, row)} over {record.details.get('baseline')}"
    said = "; ".join([f"{who}: {achieved:.3g} times as fast, predicted {predicted:.3g}", *reasons])
    low, high = _interval(row)
    return Value(predicted, achieved, low, high, said, row.anchor)


def _interval(row: Row) -> tuple[float | None, float | None]:
    """Of the achieved speed-up, from the ratio of times, which is its inverse."""
    for cell in row.cells:
        if cell and cell.record.measure.name == "ratio_to_baseline" and cell.record.low and cell.record.high:
            return 1 / cell.record.high, 1 / cell.record.low
    return None, None
