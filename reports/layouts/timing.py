"""Timing tools side by side: one table for each kind of call and condition, one row a tool and budget."""

from collections.abc import Sequence

from vidgauge.record import Record
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.reports.markdown import escape

_HEADINGS = ("tool", "budget", "false verdicts", "90 % of ratios within", "3 % slower: found", "10 % slower: found")


@LAYOUTS.register("timing")
def timing(records: Sequence[Record]) -> str:
    """Rates of false and of true verdicts with their 95 % intervals, and over how many trials."""
    results = [record for record in records if record.subject.kind == "tool"]
    cells: dict[tuple[str, str], list[Record]] = {}
    for record in results:
        cells.setdefault((record.subject.config["call"], record.subject.config["condition"]), []).append(record)
    return "\n".join(_table(*cell, cells[cell]) for cell in sorted(cells))


def _table(call: str, condition: str, records: Sequence[Record]) -> str:
    rows: dict[tuple[float, str], dict[tuple[int, str], Record]] = {}
    for record in records:
        config = record.subject.config
        row = rows.setdefault((config["budget_seconds"], record.subject.name), {})
        row[config["percent"], record.measure.name] = record
    lines = [f"**{escape(call)}, {escape(condition)}**", ""]
    lines += ["| " + " | ".join(_HEADINGS) + " |", "| --- | ---: |" + " ---: |" * (len(_HEADINGS) - 2)]
    for (budget, tool), row in sorted(rows.items(), key=lambda item: _place(*item[0])):
        found = [
            _found(row.get((percent, "detection_rate")), row.get((percent, "seconds_to_verdict")))
            for percent in (3, 10)
        ]
        shown = [_rate(row.get((0, "false_verdict_rate"))), _error(row.get((0, "ratio_error_p90"))), *found]
        lines.append(f"| {escape(tool)} | {budget:g} s | " + " | ".join(shown) + " |")
    return "\n".join([*lines, "", *_remarks(condition, records)]) + "\n"


def _place(budget: float, tool: str) -> tuple[bool, float, str]:
    """Ours first, by budget; the others by name."""
    return tool != "vidgauge", budget, tool


def _rate(record: Record | None) -> str:
    if record is None:
        return ""
    if record.value is None or record.low is None or record.high is None:
        return escape(f"{record.status}: {record.reason}")
    failed = f", {record.n_failed} failed" if record.n_failed else ""
    return f"{record.value:.1%} [{record.low:.1%}, {record.high:.1%}] of {record.n}{failed}"


def _error(record: Record | None) -> str:
    if record is None or record.value is None:
        return ""
    interval = "" if record.low is None or record.high is None else f" [{record.low:.1%}, {record.high:.1%}]"
    return f"{record.value:.1%}{interval}"


def _found(rate: Record | None, seconds: Record | None) -> str:
    after = "" if seconds is None or seconds.value is None else f", in {seconds.value:.2g} s"
    return _rate(rate) + after


def _remarks(condition: str, records: Sequence[Record]) -> list[str]:
    loads = [load for record in records for load in record.details.get("load_averages", [])]
    lines = [f"Load average before the trials' own load: {min(loads):g} to {max(loads):g}.\n"] if loads else []
    for record in records:
        identical = record.subject.config["percent"] == 0
        if record.measure.name == "harness_overhead" and identical and condition == "as found":
            lines.append(
                f"Between its samples vidgauge spends {_error(record)} of the time in them ({record.n} runs).\n"
            )
    return lines
