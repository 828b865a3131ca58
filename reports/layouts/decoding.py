"""Decoders side by side: one table a task, one row a file; then how far frames differ, and memory."""

from collections.abc import Sequence

from vidgauge.record import Record
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.reports.markdown import escape

_OURS = "vidgauge"
_TASKS = {
    "whole": "Every frame of a file of 300, frames per second of CPU time",
    "clips": "Clips of 16 frames at random, the file opened anew for each, frames per second of CPU time",
}
_MEBIBYTE = 2**20


@LAYOUTS.register("decoding")
def decoding(records: Sequence[Record]) -> str:
    """Frames per second, the others' time as a multiple of ours with its 99 % interval, and what streaming adds."""
    tables = [_table(title, [one for one in records if one.subject.config["task"] == t]) for t, title in _TASKS.items()]
    return "\n".join([*filter(None, tables), *_remarks(records), *map(_memory, _of(records, "added_memory"))])


def _table(title: str, records: Sequence[Record]) -> str:
    if not records:
        return ""
    others = [tool for tool in dict.fromkeys(record.subject.name for record in records) if tool != _OURS]
    found = {(one.subject.config["file"], one.subject.name, one.measure.name): one for one in records}
    lines = [f"**{title}**", ""]
    lines.append("| file | " + " | ".join([_OURS, *(f"{tool} | its time / ours" for tool in others)]) + " |")
    lines.append("| --- | ---: |" + " ---: | ---: |" * len(others))
    for file in dict.fromkeys(record.subject.config["file"] for record in records):
        cells = [_speed(found.get((file, _OURS, "frames_per_second")))]
        for tool in others:
            cells += [
                _speed(found.get((file, tool, "frames_per_second"))),
                _ratio(found.get((file, tool, "time_ratio"))),
            ]
        lines.append(f"| {escape(file)} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _speed(record: Record | None) -> str:
    if record is None:
        return ""
    return escape(f"{record.status}: {record.reason}") if record.value is None else f"{record.value:,.0f}"


def _ratio(record: Record | None) -> str:
    if record is None or record.value is None:
        return ""
    interval = "" if record.low is None or record.high is None else f" [{record.low:.2f}, {record.high:.2f}]"
    return f"{record.value:.2f}{interval} {escape(record.details['verdict'])}".rstrip()


def _remarks(records: Sequence[Record]) -> list[str]:
    """One line for each tool: its version, how equal its frames are, how much of a processor it used."""
    lines = []
    for tool in dict.fromkeys(record.subject.name for record in records):
        speeds = [
            one for one in _of(records, "frames_per_second") if one.subject.name == tool and one.value is not None
        ]
        if not speeds:
            continue
        shares = [record.details["cpu_share"] for record in speeds]
        line = f"{tool} {speeds[0].details['version']}: CPU time by wall time {min(shares):.2f} to {max(shares):.2f}"
        if tool != _OURS:
            line += _differences([one for one in _of(records, "largest_difference") if one.subject.name == tool])
        lines.append(f"{escape(line)}.\n")
    floors = [one.value for one in _of(records, "time_ratio") if one.subject.name == _OURS and one.value is not None]
    if floors:
        lines.append(f"Ours, run twice in the same rounds, is {min(floors):.3f} to {max(floors):.3f} of itself.\n")
    return lines


def _differences(records: Sequence[Record]) -> str:
    unlike = {record.subject.config["file"]: record for record in records if record.value}
    if not unlike:
        return "; all its frames equal ours"
    worst = [
        f"{record.value:.0f} of 255 at most, {record.details['mean']:.3f} on average ({file})"
        for file, record in unlike.items()
    ]
    return f"; its frames differ from ours by {', '.join(worst)}"


def _memory(record: Record) -> str:
    config = record.subject.config
    what = f"Streaming all clips of 16 frames from {config['minutes']:g} minutes of {config['file']}"
    if record.value is None:
        return f"{escape(what)}: {escape(record.reason)}.\n"
    reader, decoder = (record.details[f"{process}_bytes"] / _MEBIBYTE for process in ("reader", "decoder"))
    idle, speed = record.details["idle_bytes"] / _MEBIBYTE, config["frames"] / record.details["seconds"]
    return (
        f"{escape(what)} adds {record.value / _MEBIBYTE:.0f} MiB at its peak to the {idle:.0f} MiB of an idle process: "
        f"{reader:.0f} in it and {decoder:.0f} in the process that decodes; {speed:,.0f} frames a second.\n"
    )


def _of(records: Sequence[Record], measure: str) -> list[Record]:
    return [record for record in records if record.measure.name == measure]
