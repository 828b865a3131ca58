"""The records of a profile as tables for a terminal: one for each case, batch and direction."""

from collections.abc import Callable, Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from vidgauge.bench import case_records
from vidgauge.record import Measure, Record

_Row = dict[str, Record]
"""The records of one layer in one case, by measure."""


def tables(records: Iterable[Record]) -> list[Table]:
    """One table for each case, batch and direction, in the order of the records."""
    cases: dict[str, dict[str, _Row]] = {}
    for record in records:
        rows = cases.setdefault(_title(record), {})
        rows.setdefault(record.subject.name, {})[record.measure.name] = record
    return [_table(title, list(rows.values())) for title, rows in cases.items()]


def summary(records: Iterable[Record]) -> Table:
    """One narrow table over all cases: how long each layer takes, and how it stands to its case's baseline."""
    table = Table(
        title="Layers, each against the first of its case", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for column in ("layer", "batch", "pass", "ms", "time / baseline", "verdict"):
        numeric = column in ("batch", "ms", "time / baseline")
        table.add_column(column, justify="right" if numeric else "left", no_wrap=True)
    rows: dict[tuple[str, str, str], _Row] = {}
    for record in records:
        config = record.subject.config
        key = (record.subject.name, str(config["batch"]), config["direction"])
        rows.setdefault(key, {})[record.measure.name] = record
    for case, row in rows.items():
        table.add_row(
            *case, _cell(row, case_records.LATENCY, _milliseconds, interval=False), _ratio(row), _verdict(row)
        )
    return table


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}"


def _title(record: Record) -> str:
    config = record.subject.config
    shape = "x".join(map(str, config["shape"]))
    threads = f"{config['threads']} thread" + "s" * (config["threads"] > 1)
    where = f"{config['dtype']} on {config['device']}, {threads}"
    return f"{config['case']}, batch {config['batch']}, {config['direction']}: {shape} {where}"


def _table(title: str, rows: Sequence[_Row]) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column("layer")
    for column in ("latency (ms)", "time / baseline", "clips/s", "peak (MiB)", "GFLOP"):
        table.add_column(column, justify="right")
    table.add_column("backend")
    for row in rows:
        latency = row[case_records.LATENCY.name]
        table.add_row(
            latency.subject.name,
            _cell(row, case_records.LATENCY, _milliseconds),
            f"{_ratio(row)} {_verdict(row)}".strip(),
            _cell(row, case_records.THROUGHPUT, lambda value: f"{value:.3g}", interval=False),
            _cell(row, case_records.PEAK_MEMORY, lambda value: f"{value / 2**20:.1f}"),
            _cell(row, case_records.FLOPS, lambda value: f"{value / 1e9:.3g}"),
            latency.subject.config["backend"] or "",
        )
    failures = [row[case_records.LATENCY.name] for row in rows if row[case_records.LATENCY.name].status != "ok"]
    if failures:
        table.caption = "\n".join(f"{record.subject.name}: {record.reason}" for record in failures)
    return table


def _ratio(row: _Row) -> str:
    return _cell(row, case_records.RATIO, lambda value: f"{value:.3f}")


def _verdict(row: _Row) -> str:
    """Of the baseline, the ratio beside it says how far it was from itself."""
    details = row[case_records.RATIO.name].details
    return "A/A floor" if "note" in details else str(details.get("verdict", ""))


def _cell(row: _Row, measure: Measure, write: Callable[[float], str], *, interval: bool = True) -> str:
    record = row[measure.name]
    if record.value is None:
        return record.status
    if record.low is None or record.high is None or not interval:
        return write(record.value)
    return f"{write(record.value)} [{write(record.low)}, {write(record.high)}]"
