"""FLOP counters side by side: one table a direction, one row a layer in one of its forms."""

from collections.abc import Sequence

from vidgauge.record import Record
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.reports.markdown import escape

_COUNTERS = {
    "flops.analytic": "our formula, MFLOP",
    "flops.enumerated": "enumerated",
    "flops.torch_counter": "FlopCounterMode",
    "flops.fvcore": "fvcore, doubled",
}
_TRUTH = "flops.enumerated"
_SHOWN = ("form", "execution", "window", "tile", "groups")
"""Keys of a layer's configuration that tell rows apart or change the count."""


@LAYOUTS.register("flop-counters")
def flop_counters(records: Sequence[Record]) -> str:
    """Every counter against the enumeration: ``=`` where they are equal, else how far it is off, or why it gave up."""
    directions = dict.fromkeys(record.subject.config["case"] for record in records)
    return "\n".join(
        _table([record for record in records if record.subject.config["case"] == d], d) for d in directions
    )


def _table(records: Sequence[Record], direction: str) -> str:
    rows: dict[str, dict[str, Record]] = {}
    for record in records:
        rows.setdefault(_row_name(record), {})[record.protocol.name] = record
    counted = [
        name for name in _COUNTERS if any(record.value is not None for row in rows.values() for record in [row[name]])
    ]
    lines = [f"**{direction.capitalize()}**", ""]
    lines.append("| layer | " + " | ".join(_COUNTERS[name] for name in counted) + " |")
    lines.append("| --- |" + " ---: |" * len(counted))
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(_cell(row[counter], row[_TRUTH]) for counter in counted) + " |")
    return "\n".join(lines) + "\n"


def _row_name(record: Record) -> str:
    config = record.subject.config["layer_config"]
    shown = [f"{key} {_plain(config[key])}" for key in _SHOWN if key in config]
    return f"`{record.subject.name}`" + escape(f" {', '.join(shown)}" if shown else "")


def _plain(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _cell(record: Record, truth: Record) -> str:
    if record.value is None:
        return escape(record.reason.partition(":")[0])
    millions = f"{record.value / 1e6:.3f}"
    if record is truth or truth.value is None:
        return millions
    if record.value == truth.value:
        return f"{millions} =" if record.protocol.name == "flops.analytic" else "="
    return f"{millions} ({record.value / truth.value - 1:+.0%})"
