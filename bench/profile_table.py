"""The records of a profile for a terminal: a table for each case, dtype, direction and shape, and what they imply."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import get_args

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from vidgauge.bench import case_records
from vidgauge.bench.ceilings.ceiling_records import PEAK_BANDWIDTH, PEAK_FLOPS
from vidgauge.bench.crossover import CROSSOVER
from vidgauge.bench.largest import LARGEST
from vidgauge.bench.predictions import EFFICIENCY
from vidgauge.bench.suite import Kind
from vidgauge.record import Measure, Record

_Row = dict[str, Record]
"""The records of one variant in one case, by measure."""


def tables(records: Iterable[Record]) -> list[Table]:
    """One table for each case, dtype, direction and shape that was measured, in the order of the records."""
    cases: dict[str, dict[str, _Row]] = {}
    for record in records:
        if _is_of_a_variant(record):
            rows = cases.setdefault(_title(record), {})
            rows.setdefault(record.subject.name, {})[record.measure.name] = record
    return [_table(title, list(rows.values())) for title, rows in cases.items() if not _all_skipped(rows.values())]


def findings(records: Iterable[Record]) -> list[str]:
    """What the tables do not show, a line each: ceilings, crossovers, largest extents, what was skipped and why."""
    records = list(records)
    lines = _ceilings([record for record in records if record.measure in (PEAK_FLOPS, PEAK_BANDWIDTH)])
    lines += [_crossover(record) for record in records if record.measure == CROSSOVER]
    largest = [record for record in records if record.measure.name.startswith(LARGEST)]
    lines += [_largest(record) for record in largest if record.status != "skipped"]
    return lines + _skipped([record for record in records if record.measure == case_records.LATENCY] + largest)


def _skipped(records: Iterable[Record]) -> list[str]:
    """How many of the parts were skipped, and by case how many and why (the first of the reasons)."""
    parts: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        parts[record.subject.config["case"], _title(record)].append(record)
    cases: dict[str, list[Record]] = defaultdict(list)
    for (case, _), of_part in parts.items():
        if all(record.status == "skipped" for record in of_part):
            cases[case].append(of_part[0])
    count = sum(map(len, cases.values()))
    lines = [f"{count} of {len(parts)} parts skipped:"] if count else []
    return lines + [f"  {case} ({len(of_case)}): {of_case[0].reason}" for case, of_case in cases.items()]


def _is_of_a_variant(record: Record) -> bool:
    """Whether it stands in a table of layers or systems."""
    other = record.measure == CROSSOVER or record.measure.name.startswith(LARGEST)
    return record.subject.kind in get_args(Kind) and not other


def _ceilings(records: Iterable[Record]) -> list[str]:
    """A line each: what was reached at the start, and how the winner did later."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        config = record.subject.config
        what = f"peak {config['dtype']}" if record.measure == PEAK_FLOPS else "peak bandwidth"
        groups.setdefault(f"{what} on {config['device']}", []).append(record)
    return [f"{title}: {_ceiling(found[0])}{_drift(found)}" for title, found in groups.items()]


def _ceiling(record: Record) -> str:
    assert record.value is not None
    return f"{record.value / 1e9:.4g} G{record.measure.unit} ({record.details['winner']})"


def _drift(records: Sequence[Record]) -> str:
    later: dict[str, list[float]] = {}
    for record in records:
        if record.details["drift_from_start"] is not None:
            later.setdefault(record.details["when"], []).append(record.details["drift_from_start"])
    return "".join(f"; {when} x {' '.join(f'{ratio:.2f}' for ratio in ratios)}" for when, ratios in later.items())


def _all_skipped(rows: Iterable[_Row]) -> bool:
    return all(row[case_records.LATENCY.name].status == "skipped" for row in rows)


def _crossover(record: Record) -> str:
    details = record.details
    where = f"{_asked(record)}: {record.subject.name} against {details['baseline']}"
    if record.value is None:
        return f"{where}: {record.reason}"
    changes = (
        f"{one['before']} at {details['axis']} = {one['between'][0]}, {one['after']} at {one['between'][1]}"
        for one in details["crossings"]
    )
    return f"{where}: {'; '.join(changes)}"


def _largest(record: Record) -> str:
    axis, limit = record.details["axis"], record.details["memory_limit"]
    room = "the memory of the GPU" if limit is None else f"{limit / 2**30:g} GiB"
    where = f"{_asked(record)}: {record.subject.name}"
    if record.value is None:
        return f"{where}: largest {axis} not found: {record.reason}"
    more = " or more" if record.details["reached_most"] else ""
    return f"{where}: largest {axis} in {room}: {record.value:g}{more}"


def _asked(record: Record) -> str:
    config = record.subject.config
    return f"{config['case']}, {config['dtype']}, {config['direction']}"


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
        if not _is_of_a_variant(record):
            continue
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
    table.add_column(rows[0][case_records.LATENCY.name].subject.kind)
    for column in ("latency (ms)", "time / baseline", "clips/s", "peak (MiB)", "GFLOP"):
        table.add_column(column, justify="right")
    compiles = any(case_records.COMPILE_TIME.name in row for row in rows)
    if compiles:
        table.add_column("compile (s)", justify="right")
    predicted = any(EFFICIENCY.name in row for row in rows)
    if predicted:
        table.add_column("of bound", justify="right")
    table.add_column("backend")
    for row in rows:
        latency = row[case_records.LATENCY.name]
        table.add_row(
            latency.subject.name,
            _cell(row, case_records.LATENCY, _milliseconds),
            f"{_ratio(row)} {_verdict(row)}".strip(),
            _cell(row, case_records.THROUGHPUT, lambda value: f"{value:.3g}", interval=False),
            _peak_memory(row),
            _cell(row, case_records.FLOPS, lambda value: f"{value / 1e9:.3g}"),
            *([_cell(row, case_records.COMPILE_TIME, lambda value: f"{value:.1f}")] if compiles else []),
            *([_of_bound(row)] if predicted else []),
            latency.subject.config["backend"] or "",
        )
    failures = [row[case_records.LATENCY.name] for row in rows if row[case_records.LATENCY.name].status != "ok"]
    lines = [f"{record.subject.name}: {record.reason}" for record in failures]
    lines += [line for row in rows if EFFICIENCY.name in row for line in _explained(row[EFFICIENCY.name])]
    if lines:
        table.caption = Text("\n".join(lines))
    return table


def _of_bound(row: _Row) -> str:
    """Predicted over measured time, and whether computing or moving bytes sets the bound."""
    share = _cell(row, EFFICIENCY, lambda value: f"{value:.0%}", interval=False)
    return f"{share} {row[EFFICIENCY.name].details.get('bound', '')}".strip()


def _explained(efficiency: Record) -> list[str]:
    """Why it is further from its predicted speed-up than can be left without a word, and what else there is to say."""
    name, details = efficiency.subject.name, efficiency.details
    lines = [f"{name}: {details['note']}"] if "note" in details else []
    if details.get("reasons"):
        speedups = f"predicted {details['predicted_speedup']:.3g} x, achieved {details['achieved_speedup']:.3g} x"
        lines.append(f"{name}: {speedups}; " + "; ".join(reason["text"] for reason in details["reasons"]))
    return lines


def _peak_memory(row: _Row) -> str:
    """In MiB; an estimate, which may miss something, is marked as at least so much."""
    record = row.get(case_records.PEAK_MEMORY.name)
    mark = ">= " if record is not None and record.details.get("estimate") else ""
    return mark + _cell(row, case_records.PEAK_MEMORY, lambda value: f"{value / 2**20:.1f}")


def _ratio(row: _Row) -> str:
    return _cell(row, case_records.RATIO, lambda value: f"{value:.3f}")


def _verdict(row: _Row) -> str:
    """Of the baseline, the ratio beside it says how far it was from itself."""
    details = row[case_records.RATIO.name].details
    return "A/A floor" if "note" in details else str(details.get("verdict", ""))


def _cell(row: _Row, measure: Measure, write: Callable[[float], str], *, interval: bool = True) -> str:
    record = row.get(measure.name)
    if record is None:
        return ""
    if record.value is None:
        return record.status
    if record.low is None or record.high is None or not interval:
        return write(record.value)
    return f"{write(record.value)} [{write(record.low)}, {write(record.high)}]"
