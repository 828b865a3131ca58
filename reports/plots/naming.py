"""What plots say about a record."""

from vidgauge.reports.comparison import Cell, Column, Row, Table
from vidgauge.reports.configuration import NOT_SAID

_PLAIN = ("case", "direction", "dtype", "device")  # which speak for themselves
_TELLING = (*_PLAIN, "batch", "shape")


def said(row: Row, cell: Cell, column: Column, where: str = "") -> str:
    """Who, where and how much, as one line: ``conv3d, batch 4: latency 3.1 [3.0, 3.2] ms, n 40, faster``."""
    number = " ".join(part for part in (cell.value, cell.interval, column.scale.unit) if part)
    extras = [f"n {cell.record.n}"] if cell.record.n > 1 else []
    extras += [cell.verdict] if cell.verdict else []
    who = ", ".join(part for part in (row.stub[0], where) if part)
    return ", ".join([f"{who}: {column.title} {number}", *extras])


def circumstances(table: Table, row: Row) -> str:
    """Its name, and which case of the table it is of: ``conv3d, convolutions, inference, batch 4``."""
    places = [place for place, key in enumerate(table.stub) if key in _TELLING and row.stub[place] != NOT_SAID]
    return ", ".join([row.stub[0], *(labelled(table.stub[place], row.stub[place]) for place in places)])


def labelled(key: str, text: str) -> str:
    """A part of the configuration with its name, where it needs one."""
    return text if key in _PLAIN else f"{key} {text}"
