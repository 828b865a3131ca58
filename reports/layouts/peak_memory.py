"""Peak memory against the truth: one row a pattern, one column a technique."""

from collections.abc import Sequence

from vidgauge.record import Record
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.reports.markdown import escape

_MEBIBYTE = 2**20


@LAYOUTS.register("peak-memory")
def peak_memory(records: Sequence[Record]) -> str:
    """What each technique measured, and how far it is from what the pattern must hold at its peak."""
    techniques = list(dict.fromkeys(_technique(record) for record in records))
    rows: dict[str, dict[str, Record]] = {}
    for record in records:
        rows.setdefault(record.subject.name, {})[_technique(record)] = record
    lines = ["| pattern | true, MiB | " + " | ".join(f"{name}, MiB | error" for name in techniques) + " |"]
    lines.append("| --- | ---: |" + " ---: | ---: |" * len(techniques))
    for pattern, row in rows.items():
        true = next(iter(row.values())).subject.config["true_bytes"]
        cells = " | ".join(_cells(row.get(name)) for name in techniques)
        lines.append(f"| {escape(pattern)} | {true / _MEBIBYTE:.2f} | {cells} |")
    return "\n".join([*lines, "", *(_worst(name, rows) for name in techniques)])


def _technique(record: Record) -> str:
    return record.protocol.name.partition(".")[2].replace("_", " ")


def _cells(record: Record | None) -> str:
    if record is None:
        return "not here |"
    if record.value is None:
        return f"{escape(record.reason)} |"
    return f"{record.details['bytes'] / _MEBIBYTE:.2f} | {record.value:+.2%}"


def _worst(technique: str, rows: dict[str, dict[str, Record]]) -> str:
    errors = [abs(row[technique].value or 0.0) for row in rows.values() if technique in row]
    return f"Largest error of {escape(technique)}: {max(errors):.2%} over {len(errors)} patterns.\n"
