"""Records as a person reads them in a terminal: a table, and below it all that does not fit beside a number."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vidgauge.record import Record

_ARROWS = {"higher": " ↑", "lower": " ↓", "neither": ""}
_WIDTH_OF_A_PIPE = 160


def stdout_console() -> Console:
    """A console on stdout; a file or a pipe has no width of its own and gets a generous one."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH_OF_A_PIPE)


def print_records(records: Sequence[Record]) -> None:
    """Print one row a record to stdout, then why numbers or intervals are missing, failures, and notes."""
    table = Table(box=None, pad_edge=False)
    for heading in ("protocol", "value", "interval", "n", "failed", "fingerprint"):
        table.add_column(heading, justify="right" if heading in ("value", "n", "failed") else "left")
    for record in records:
        table.add_row(*map(escape, _row(record)))
    console = stdout_console()
    console.print(table)
    for line in _remarks(records):
        console.print(f"- {escape(line)}", soft_wrap=True)


def _row(record: Record) -> tuple[str, ...]:
    value = record.status if record.value is None else f"{record.value:.5g}"
    interval = "none" if record.low is None else f"[{record.low:.5g}, {record.high:.5g}]"
    protocol = record.protocol.name + _ARROWS[record.measure.better]
    return protocol, value, interval, str(record.n), str(record.n_failed), record.protocol.fingerprint[:8]


def _remarks(records: Sequence[Record]) -> list[str]:
    """Each remark once, with the measures it is about unless it is about all of them."""
    about: dict[str, list[str]] = {}
    for record in records:
        for remark in _remarks_on(record):
            about.setdefault(remark, []).append(record.measure.name)
    return [
        remark if len(measures) == len(records) else f"{', '.join(measures)}: {remark}"
        for remark, measures in about.items()
    ]


def _remarks_on(record: Record) -> list[str]:
    missing = [f"{record.status}: {record.reason}"] if record.status != "ok" else []
    missing += [f"no interval: {record.no_interval}"] if record.no_interval else []
    failed = [f"failed: {item['file']}: {item['reason']}" for item in record.details.get("failed", [])]
    return missing + failed + [str(note) for note in record.details.get("notes", [])]
