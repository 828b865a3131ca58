"""Tables as Markdown, for a README or an issue."""

import re
from collections.abc import Sequence

from vidgauge.reports.comparison import Cell, Table
from vidgauge.reports.wording import heading, legends, marks, one_line, origin, reading

_SPECIAL = re.compile(r"([\\`*_\[\]|~#])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def write_markdown(tables: Sequence[Table], title: str = "## {}") -> str:
    """All tables, each under its title, with its remarks, the protocol of each column and its footnotes."""
    return "\n".join(_table(table, title) for table in tables)


def escape(text: str) -> str:
    """Text that prints as itself: one line, with nothing that Markdown or HTML would take as its own."""
    entities = re.sub("[&<>]", lambda match: _ENTITIES[match[0]], one_line(text))
    return _SPECIAL.sub(r"\\\1", entities)


def _table(table: Table, title: str) -> str:
    headings = [escape(key) for key in table.stub]
    headings += [escape(heading(column)) + _marks(column.footnotes) for column in table.columns]
    lines = [title.format(escape(table.title)), "", _line(headings)]
    lines.append(_line(["---"] * len(table.stub) + ["---:"] * len(table.columns)))
    group = ""
    for row in table.rows:
        if row.group != group:
            group = row.group
            lines.append(_line([f"*{escape(group)}*", *[""] * (len(headings) - 1)]))
        lines.append(_line([*map(escape, row.stub), *map(_cell, row.cells)]))
    parts = [
        "\n\n".join(escape(remark) for remark in origin(table) + reading(table)),
        "\n".join(f"- {escape(titles)}: {escape(legend)}" for titles, legend in legends(table)),
        "\n".join(f"{_marks((number,))} {escape(text)}  " for number, text in enumerate(table.footnotes, 1)),
    ]
    return "\n\n".join(["\n".join(lines), *filter(None, parts)]).rstrip() + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return ""
    value = f"**{cell.value}**" if cell.place == 1 else f"<ins>{cell.value}</ins>" if cell.place == 2 else cell.value
    tied = "≈" if cell.rank == "tied" else ""
    n = f"n={cell.record.n}" if cell.record.n > 1 else ""
    parts = [value, _interval(cell), tied, escape(cell.verdict), n]
    return " ".join(part for part in parts if part) + _marks(cell.footnotes)


def _interval(cell: Cell) -> str:
    """``± 9.0`` where it reaches as far up as down, else its ends."""
    return f"± {cell.below}" if cell.below and cell.below == cell.above else cell.interval


def _marks(numbers: Sequence[int]) -> str:
    return f"<sup>{marks(numbers)}</sup>" if numbers else ""
