"""Sentences that all formats share."""

from collections.abc import Sequence
from string import ascii_lowercase

from vidgauge.reports.comparison import Column, Table
from vidgauge.reports.quantities import THIN_SPACE

ARROWS = {"lower": "↓", "higher": "↑", "neither": ""}
EMBEDDED = "Embedded Moving Shapes world: honest inside it, says nothing outside it"
RANKING = (
    "Best in bold, second underlined, ≈ where its interval overlaps the best one's; ranked only among rows with the "
    "same protocol and task, and for time and memory the same environment; what papers say is not ranked."
)


def origin(table: Table) -> list[str]:
    """Sentences on what the whole table is about: the world it holds in, and what all rows have in common."""
    sentences = [*table.remarks]
    sentences += [f"{EMBEDDED} ({', '.join(table.embedded)})."] if table.embedded else []
    pairs = [f"{key} {text}" for key, text in table.common.items()]
    if len(table.environments) == 1:
        pairs.append(f"environment {table.environments[0]}")
    return sentences + ([f"Same in every row: {', '.join(pairs)}."] if pairs else [])


def reading(table: Table) -> list[str]:
    """Sentences on how to read it: what the ranks mean, and what was left out."""
    sentences = [RANKING] if any(cell.rank for cell in table.cells) else []
    return sentences + ([f"{superseded(table.superseded)}."] if table.superseded else [])


def legends(table: Table) -> list[tuple[str, str]]:
    """Names of columns and what they were measured by, one entry for each protocol and n."""
    columns: dict[str, list[str]] = {}
    for column in table.columns:
        columns.setdefault(column.legend, []).append(column.title)
    return [(", ".join(titles), legend) for legend, titles in columns.items() if legend]


def superseded(count: int) -> str:
    """How many older records the newest ones stand for."""
    return f"{count} older {'record was' if count == 1 else 'records were'} superseded by the latest of the same thing"


def heading(column: Column, arrows: dict[str, str] = ARROWS) -> str:
    """The column's name, which way is better, and its unit: ``latency ↓ (ms)``."""
    parts = [column.title, arrows[column.measure.better], f"({column.scale.unit})" if column.scale.unit else ""]
    return " ".join(part for part in parts if part)


def marks(numbers: Sequence[int]) -> str:
    """Marks of footnotes: letters, because a raised 2 beside a number is a square."""
    return ",".join(map(_mark, numbers))


def _mark(number: int) -> str:
    before, last = divmod(number - 1, 26)
    return (_mark(before) if before else "") + ascii_lowercase[last]


def one_line(text: str) -> str:
    """Names come from files: no line break or control character may leave the cell it stands in."""
    return "".join(letter if letter.isprintable() else _stand_in(letter) for letter in text)


def _stand_in(letter: str) -> str:
    if letter == THIN_SPACE:
        return letter
    return " " if letter.isspace() else "\N{REPLACEMENT CHARACTER}"
