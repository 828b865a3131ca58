"""One comparison, made from records: the tables that the page, Markdown, LaTeX and CSV all print.

Every kind of subject becomes a table (benchmark cases one for each suite): a row is a subject in an environment, a
column is a measure under one protocol. Nothing here knows a measure or a kind by name to let it in, so new ones appear
by themselves. A column holds one protocol fingerprint; of benchmark cases, whose protocol differs with what they time,
one protocol name, and a footnote tells rivals with unlike fingerprints apart. Published numbers have tables of their
own, one for each data set: no two papers share a protocol, so a column holds a measure, and footnotes name the papers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vidgauge.fingerprint import fingerprint
from vidgauge.record import Measure, Record, Subject
from vidgauge.reports.choice import Choice
from vidgauge.reports.configuration import config_text, split_keys, stated
from vidgauge.reports.footnotes import Footnotes, footnote_texts
from vidgauge.reports.one_budget import is_of_comparison, parts
from vidgauge.reports.printed import PERCENT, all_percent, as_printed
from vidgauge.reports.quantities import Scale, Written, choose_scale, write
from vidgauge.reports.ranking import (
    PUBLISHED,
    Rank,
    Standing,
    canonical,
    contest,
    is_case,
    is_published,
    standings,
    task,
)

_TITLES = {  # in the order of the page
    "videos": "Generated videos",
    PUBLISHED: "Published numbers",
    "system": "Systems",
    "layer": "Layers",
}
EVERYTHING = Choice()
_FIRST_MEASURES = ("latency", "ratio_to_baseline", "throughput", "peak_memory", "flops", "parameters")


@dataclass(frozen=True)
class Cell:
    """One record in a table."""

    record: Record
    value: str
    """As printed in the column's unit, or the status where there is no value."""
    interval: str
    """Such as ``[11.0, 13.5]``; empty where there is none, and a footnote says why."""
    below: str
    """How far the interval's low end lies below the value; empty where there is none, or the value is not inside."""
    above: str
    """How far its high end lies above; the same text where it is as far."""
    rank: Rank
    place: int
    """1 for the best of its contest, 2 for the next; 0 where it is not ranked."""
    footnotes: tuple[int, ...]
    """Numbers of the table's footnotes that are about this cell alone, from 1."""
    older: int
    """How many older records of the same thing it supersedes."""

    @property
    def verdict(self) -> str:
        """How it stands to its baseline, where the benchmark said so."""
        return str(self.record.details.get("verdict") or "").lower()


@dataclass(frozen=True)
class Column:
    """A measure under one protocol."""

    measure: Measure
    protocol: str
    """The protocol's name."""
    fingerprints: tuple[str, ...]
    """One, but for benchmark cases."""
    scale: Scale
    footnotes: tuple[int, ...]
    """Numbers of the footnotes that are about all of its cells."""
    legend: str
    """Protocol, fingerprint, n and level, as one line."""

    @property
    def title(self) -> str:
        """The measure's name as people write it."""
        return self.measure.name.replace("_", " ")


@dataclass(frozen=True)
class Row:
    """A subject in an environment."""

    anchor: str
    """The same in every report that holds this subject and environment, to link to."""
    subject: Subject
    environment: str
    task: str
    """Rows with equal tasks are rivals."""
    stub: tuple[str, ...]
    """Its name and what tells it from the other rows, in the order of the table's ``stub``."""
    cells: tuple[Cell | None, ...]
    """In the order of the table's columns; None where nothing was measured."""
    group: str = ""
    """What it stands under with the rows around it, where the table has such headings."""


@dataclass(frozen=True)
class Table:
    """All records of one kind of subject."""

    kind: str
    title: str
    stub: tuple[str, ...]
    """Headings left of the columns: the kind, the configuration keys that differ between rows, the environment."""
    common: dict[str, str]
    """Configuration that all rows share."""
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    footnotes: tuple[str, ...]
    environments: tuple[str, ...]
    """Fingerprints, first seen first."""
    superseded: int
    """How many older records of the same things were left out."""
    embedded: tuple[str, ...]
    """Protocols whose records come from the embedded Moving Shapes world."""
    remarks: tuple[str, ...] = ()
    """What its maker says of all of it."""
    label: str = ""
    """By which a paper refers to it; numbered where empty."""

    @property
    def cells(self) -> list[Cell]:
        """All cells that hold a record."""
        return [cell for row in self.rows for cell in row.cells if cell]


def compare(records: Iterable[Record], choice: Choice = EVERYTHING) -> tuple[Table, ...]:
    """Group records into tables: comparisons first, then scores of videos, systems, layers, and whatever else there is.

    Where the same subject, measure, protocol and environment was measured more than once, the latest record stands.

    Args:
        records: any iterable of records.
        choice: which of them; rows and columns come in the order in which they were asked for.

    Raises:
        UsageError: where the choice names what is not among the records.
    """
    groups: dict[tuple[str, str], list[tuple[Record, int]]] = {}
    of_comparisons: list[tuple[Record, int]] = []
    for record, older in newest(choice.chosen(records)):
        if is_of_comparison(record.subject):
            of_comparisons.append((record, older))
        else:
            groups.setdefault((record.subject.kind, _part(record.subject)), []).append((record, older))
    order = [*_TITLES]
    kinds = sorted(groups, key=lambda group: order.index(group[0]) if group[0] in order else len(order))
    tables = []
    for part in parts(of_comparisons):
        columns = replace(choice, measures=choice.measures or part.measures)
        tables.append(_table("system", part.title, part.records, columns, part.remarks))
    for kind, of in kinds:
        title = _TITLES.get(kind, kind.capitalize()) + (f": {of}" if of else "")
        tables.append(_table(kind, title, groups[kind, of], choice))
    return tuple(tables)


def newest(records: Iterable[Record]) -> list[tuple[Record, int]]:
    """Of each subject, measure, protocol and environment the latest record, and how many older ones it supersedes."""
    latest: dict[str, tuple[Record, int]] = {}
    for record in records:
        key = canonical([_identity(record.subject), record.measure.name, record.measure.unit])
        key += canonical([record.protocol.model_dump(), record.environment])
        standing, older = latest.get(key, (record, -1))
        latest[key] = (record if record.time >= standing.time else standing, older + 1)
    return list(latest.values())


def _part(subject: Subject) -> str:
    """Which of its kind's tables a subject is in: that of its suite, or of the data set of its paper."""
    if is_published(subject):
        return str(subject.config["dataset"])
    return str(subject.config.get("suite", "")) if is_case(subject) else ""


def _identity(subject: Subject) -> dict[str, Any]:
    """What makes a subject the same. A benchmark case's backend is what it came to, unknown where it was skipped."""
    asked = subject.model_dump()
    if is_case(subject):
        asked["config"].pop("backend", None)
    return asked


def _table(
    kind: str, title: str, group: Sequence[tuple[Record, int]], choice: Choice, remarks: tuple[str, ...] = ()
) -> Table:
    records = [record for record, _ in group]
    footnotes = Footnotes()
    columns = _columns(records, footnotes, choice)
    index_of = {key: index for index, key in enumerate(columns)}
    rivals = _fingerprints_of_rivals(records)
    rows: Rows = {}
    for (record, older), standing in zip(group, standings(records), strict=True):
        key = _column_key(record)
        unlike = len(rivals[key, task(record.subject)]) > 1
        extra = [_which_protocol(record)] if unlike else []
        if is_published(record.subject):
            extra = stated(record.subject)
        numbers = footnotes.number(footnote_texts(record) + extra)
        cell = make_cell(record, columns[key], standing, numbers, older)
        place(cell, index_of[key], rows, len(columns), row_key(record))
    firsts = [record for record, _ in rows.values()]
    tasks = list(dict.fromkeys(task(record.subject) for record in firsts))
    keys, common = split_keys(firsts)
    environments = tuple(dict.fromkeys(r.environment for r in records if not is_published(r.subject)))
    finished = [
        Row(
            anchor=f"row-{fingerprint(row_key)}",
            subject=first.subject,
            environment=first.environment,
            task=task(first.subject),
            stub=_stub(first, keys, environments),
            cells=tuple(cells),
        )
        for row_key, (first, cells) in rows.items()
    ]
    return Table(
        kind=kind,
        title=title,
        stub=(kind, *keys, *(["environment"] if len(environments) > 1 else [])),
        common=common,
        columns=tuple(columns.values()),
        rows=tuple(  # rivals stand together
            sorted(finished, key=lambda row: (tasks.index(row.task), choice.row_place(row.subject.name)))
        ),
        footnotes=footnotes.texts,
        environments=environments,
        superseded=sum(older for _, older in group),
        embedded=tuple(dict.fromkeys(r.protocol.name for r in records if r.details.get("world") == "embedded")),
        remarks=remarks,
    )


def _column_key(record: Record) -> tuple[str, ...]:
    if is_published(record.subject):
        return record.measure.name, record.measure.unit, PUBLISHED, ""
    alike = is_case(record.subject) or is_of_comparison(record.subject)
    return record.measure.name, record.measure.unit, record.protocol.name, "" if alike else record.protocol.fingerprint


def row_key(record: Record) -> str:
    """Records with equal ones stand in one row."""
    return canonical([record.subject.model_dump(), record.environment])


Rows = dict[str, tuple[Record, list[Cell | None]]]
"""By key: the first record of a row, and its cells by column."""


def place(cell: Cell, index: int, rows: Rows, columns: int, key: str) -> None:
    """Put the cell into the row of this key, or into a further one where another fingerprint has taken its place."""
    while key in rows and rows[key][1][index] is not None:
        key += "+"
    rows.setdefault(key, (cell.record, [None] * columns))[1][index] = cell


def _fingerprints_of_rivals(records: Sequence[Record]) -> dict[tuple[tuple[str, ...], str], set[str]]:
    found: dict[tuple[tuple[str, ...], str], set[str]] = {}
    for record in records:
        found.setdefault((_column_key(record), task(record.subject)), set()).add(record.protocol.fingerprint)
    return found


def _which_protocol(record: Record) -> str:
    return f"under {record.protocol.name} with fingerprint {record.protocol.fingerprint}; not ranked against the others"


def _columns(records: Sequence[Record], footnotes: Footnotes, choice: Choice) -> dict[tuple[str, ...], Column]:
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(_column_key(record), []).append(record)
    order = [*_FIRST_MEASURES]

    def stands(key: tuple[str, ...]) -> tuple[int, ...]:
        return *choice.column_place(groups[key][0]), order.index(key[0]) if key[0] in order else len(order)

    return {key: _column(groups[key], footnotes) for key in sorted(groups, key=stands)}


def _column(records: Sequence[Record], footnotes: Footnotes) -> Column:
    first = records[0]
    texts = [footnote_texts(record) for record in records if record.status == "ok"]
    shared = [text for text in texts[0] if all(text in others for others in texts)] if len(texts) > 1 else []
    return Column(
        measure=first.measure,
        protocol=PUBLISHED if is_published(first.subject) else first.protocol.name,
        fingerprints=tuple(dict.fromkeys(record.protocol.fingerprint for record in records)),
        scale=scale_of(records),
        footnotes=footnotes.number(shared + _unequal_n(records)),
        legend=_legend(records),
    )


def scale_of(records: Sequence[Record]) -> Scale:
    """One unit for a whole column."""
    if all_percent(records):
        return PERCENT
    return choose_scale(records[0].measure.unit, [record.value for record in records if record.value is not None])


def _legend(records: Sequence[Record]) -> str:
    first = records[0]
    if is_published(first.subject):
        return "as published: each paper has a protocol of its own, so nothing is ranked"
    fingerprints = dict.fromkeys(record.protocol.fingerprint for record in records)
    parts = [f"protocol {first.protocol.name} ({' and '.join(fingerprints)})"]
    sizes = sorted({record.n for record in records if record.n})
    if sizes:
        parts.append(f"n = {sizes[0]}" if len(sizes) == 1 else f"n = {sizes[0]} to {sizes[-1]}")
    failed = sum(record.n_failed for record in records)
    if failed:
        parts.append(f"{failed} samples failed")
    parts += [f"{100 * level:g} % intervals" for level in sorted({r.level for r in records if r.level is not None})]
    parts.append({"neither": "not ranked"}.get(first.measure.better, f"{first.measure.better} is better"))
    return ", ".join(parts)


def _unequal_n(records: Sequence[Record]) -> list[str]:
    """Warn where rivals rest on unlike numbers of videos; rounds of a benchmark and of rates differ anyway."""
    sizes: dict[tuple[str, ...], set[int]] = {}
    for record in records:
        if (
            record.status == "ok"
            and record.measure.better != "neither"
            and not record.measure.unit.endswith("/s")
            and not (is_case(record.subject) or is_published(record.subject))
        ):
            sizes.setdefault(contest(record), set()).add(record.n)
    if all(len(of_contest) == 1 for of_contest in sizes.values()):
        return []
    return ["n differs between rows: a measure biased in n, such as a Fréchet distance, does not compare across them"]


def make_cell(record: Record, column: Column, standing: Standing, footnotes: Sequence[int], older: int = 0) -> Cell:
    """The cell of one record, with those of its footnotes that its column does not have already."""
    if record.value is None or is_published(record.subject):
        written = as_printed(record, column.scale) or Written(record.status, "")
    else:
        written = write(record.value, record.low, record.high, column.scale)
    numbers = tuple(number for number in footnotes if number not in column.footnotes)
    return Cell(record, **vars(written), **standing._asdict(), footnotes=numbers, older=older)


def _stub(record: Record, keys: tuple[str, ...], environments: tuple[str, ...]) -> tuple[str, ...]:
    environment = [record.environment] if len(environments) > 1 else []
    return (record.subject.name, *(config_text(record.subject.config.get(key)) for key in keys), *environment)
