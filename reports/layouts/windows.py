"""W.A.L.T's windows: what a training step takes on some machine, beside what the paper prints."""

from collections.abc import Callable, Sequence

from vidgauge.record import Record
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.reports.markdown import escape

PUBLISHED = {"5x4x4": 2.24, "5x8x8": 2.00, "5x16x16": 1.75, "full": 1.20}
"""Training steps per second of the whole model: Gupta et al., arXiv 2312.06662, table 3b."""
_HEADINGS = ("windows", "steps/s", "speed-up", "predicted", "paper", "paper, steps/s", "peak memory", "GFLOP")
_Row = dict[str, Record]


@LAYOUTS.register("windows")
def windows(records: Sequence[Record]) -> str:
    """One table a case that was measured: windows from small to full, speed-ups over full attention."""
    cases: dict[str, dict[str, _Row]] = {}
    for record in records:
        if record.subject.kind == "system":
            rows = cases.setdefault(record.subject.config["case"], {})
            rows.setdefault(record.subject.name, {})[record.measure.name] = record
    measured = [rows for rows in cases.values() if any(row["latency"].status != "skipped" for row in rows.values())]
    return "\n".join(map(_table, measured)) or "Nothing is measured yet.\n"


def _table(rows: dict[str, _Row]) -> str:
    config = next(iter(rows.values()))["latency"].subject.config
    clips = f"{config['batch']} clip" + "s" * (config["batch"] > 1)
    title = f"{config['case']}: forward and backward, {clips}, {config['dtype']} on {config['device']}"
    lines = [f"**{escape(title)}**", "", "| " + " | ".join(_HEADINGS) + " |", "| --- |" + " ---: |" * 7]
    lines += [_line(name, rows[name]) for name in PUBLISHED if name in rows]
    return "\n".join(lines) + "\n"


def _line(name: str, row: _Row) -> str:
    paper = PUBLISHED[name]
    cells = [
        name,
        _value(row.get("latency"), lambda seconds: f"{1 / seconds:.2f}"),
        _speedup(row.get("ratio_to_baseline"), is_baseline=name == "full"),
        _predicted(row.get("efficiency")),
        f"{paper / PUBLISHED['full']:.2f}",
        f"{paper:.2f}",
        _value(row.get("peak_memory"), lambda size: f"{size / 2**20:,.0f} MiB"),
        _value(row.get("flops"), lambda flops: f"{flops / 1e9:,.0f}"),
    ]
    return "| " + " | ".join(cells) + " |"


def _value(record: Record | None, write: Callable[[float], str]) -> str:
    if record is None:
        return ""
    return escape(f"{record.status}: {record.reason}") if record.value is None else write(record.value)


def _speedup(ratio: Record | None, *, is_baseline: bool) -> str:
    """Of the paired times of each round. The baseline's own ratio is of two runs of the same; it is 1 here."""
    if is_baseline:
        return "1.00"
    if ratio is None or ratio.value is None:
        return ""
    interval = "" if ratio.low is None or ratio.high is None else f" [{1 / ratio.high:.2f}, {1 / ratio.low:.2f}]"
    return f"{1 / ratio.value:.2f}{interval}"


def _predicted(efficiency: Record | None) -> str:
    """By the FLOPs and bytes of both, and the ceilings of the device."""
    if efficiency is None or efficiency.value is None:
        return ""
    return f"{efficiency.details.get('predicted_speedup', 1.0):.2f}"
