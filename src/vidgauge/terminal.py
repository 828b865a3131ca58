"""Records as a person reads them in a terminal: a table, and below it all that does not fit beside a number."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vidgauge.record import Record

_ARROWS = {"higher": " ↑", "lower": " ↓", "neither": ""}
_WIDTH_OF_A_PIPE = 160
_MOST_NAMES = 4
"""That are written out before a remark."""


def stdout_console() -> Console:
    """A console on stdout; a file or a pipe has no width of its own and gets a generous one."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH_OF_A_PIPE)


def print_records(records: Sequence[Record], against: Record | None = None) -> None:
    """Print one row a record to stdout, then why numbers or intervals are missing, failures, and notes.

    Args:
        records: what to print.
        against: the one from which the others' differences are printed, of those that measure the same.
    """
    beside = [] if against is None else [f"- {against.protocol.name}"]
    several = len({record.subject.name for record in records}) > 1
    table = Table(box=None, pad_edge=False)
    for heading in (
        *(["videos"] if several else []),
        "protocol",
        "value",
        *beside,
        "interval",
        "n",
        "failed",
        "fingerprint",
    ):
        table.add_column(
            heading, justify="left" if heading in ("videos", "protocol", "interval", "fingerprint") else "right"
        )
    for record in records:
        protocol, value, *others = _row(record)
        difference = [] if against is None else [_difference(record, against)]
        videos = [record.subject.name] if several else []
        table.add_row(*map(escape, (*videos, protocol, value, *difference, *others)))
    console = stdout_console()
    console.print(table)
    for line in _remarks(records):
        console.print(f"- {escape(line)}", soft_wrap=True)


def _row(record: Record) -> tuple[str, ...]:
    value = record.status if record.value is None else f"{record.value:.5g}"
    interval = "none" if record.low is None else f"[{record.low:.5g}, {record.high:.5g}]"
    protocol = record.protocol.name + _ARROWS[record.measure.better]
    return protocol, value, interval, str(record.n), str(record.n_failed), record.protocol.fingerprint[:8]


def _difference(record: Record, reference: Record) -> str:
    if record.measure != reference.measure or record.value is None or reference.value is None:
        return ""
    change = record.value - reference.value
    return f"{change:+.5g}" + (f" ({change / reference.value:+.2%})" if reference.value else "")


def _remarks(records: Sequence[Record]) -> list[str]:
    """Each remark once, with what it is about unless that is all of the records."""
    about: dict[str, list[str]] = {}
    several = len({record.subject.name for record in records}) > 1
    for record in records:
        videos = f"{record.subject.name} " if several else ""
        for remark in _remarks_on(record):  # about protocols without what options changed
            about.setdefault(remark, []).append(videos + record.protocol.name.partition("[")[0])
    return [remark if len(names) == len(records) else f"{_listed(names)}: {remark}" for remark, names in about.items()]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _remarks_on(record: Record) -> list[str]:
    missing = [f"{record.status}: {record.reason}"] if record.status != "ok" else []
    missing += [f"no interval: {record.no_interval}"] if record.no_interval else []
    failed = [f"failed: {item['file']}: {item['reason']}" for item in record.details.get("failed", [])]
    return missing + failed + [str(note) for note in record.details.get("notes", [])]
