"""Tables in the shape of a paper's: published rows, below them what was measured here, in columns of measures alone.

Other tables give each protocol a column. These do as papers do, so that rows can be read beside each other, and say of
each number where it is from; what ranks there are follow the same law, so no published number has one.
"""

from collections.abc import Iterable, Sequence

from vidgauge.errors import UsageError
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Frozen, Record
from vidgauge.reports.choice import Choice
from vidgauge.reports.comparison import (
    EVERYTHING,
    Cell,
    Column,
    Row,
    Rows,
    Table,
    make_cell,
    newest,
    place,
    row_key,
    scale_of,
)
from vidgauge.reports.configuration import config_text
from vidgauge.reports.footnotes import Footnotes, footnote_texts
from vidgauge.reports.publications import Fact
from vidgauge.reports.ranking import is_published, standings

MEASURED = "Measured here"
_EMBEDDED = f"{MEASURED}, in the embedded Moving Shapes world, which says nothing outside it"
_FROM = "from"


class PaperTable(Frozen):
    """The shape of a table: a TOML file."""

    name: str
    """The file's."""
    summary: str
    title: str
    published: tuple[str, ...]
    """Patterns of publications, those of the first one first."""
    facts: dict[str, Fact]
    """What the protocols of its published rows say."""
    group: str = ""
    """The fact by which its published rows stand together."""
    stub: tuple[str, ...]
    """Facts shown left of the measures."""
    measures: tuple[str, ...]
    kinds: tuple[str, ...]
    """Which subjects' records are its measured rows."""

    def make(self, measured: Iterable[Record], published: Iterable[Record], choice: Choice = EVERYTHING) -> Table:
        """The table of these records; those that do not belong in it are left out.

        Args:
            measured: what was measured here.
            published: what papers say, in the order of their rows.
            choice: in what order measured rows come.

        Raises:
            UsageError: where something was measured, and none of it belongs in the table.
        """
        given = list(measured)
        ours = [record for record in given if record.subject.kind in self.kinds and self._has(record)]
        ours.sort(key=lambda record: choice.row_place(record.subject.name))
        if given and not ours:
            shown = f"{' and '.join(self.measures)} of {' and '.join(self.kinds)}"
            raise UsageError(f"none of {len(given)} measured records belongs in {self.name!r}, which shows {shown}")
        theirs = [record for record in published if self._has(record) and self._is_about(record)]
        latest = self._in_reading_order(newest([*theirs, *ours]))
        records = [record for record, _ in latest]
        footnotes = Footnotes()
        columns = self._columns(records)
        rows: Rows = {}
        for (record, older), standing in zip(latest, standings(records), strict=True):
            index = [column.measure.name for column in columns].index(record.measure.name)
            numbers = footnotes.number([*_how(record), *footnote_texts(record)])
            cell = make_cell(record, columns[index], standing, numbers, older)
            place(cell, index, rows, len(columns), self._row_key(record))
        return Table(
            kind=self.name,
            title=self.title,
            stub=("method", *self.stub, _FROM),
            common={},
            columns=tuple(columns),
            rows=tuple(self._row(key, first, cells) for key, (first, cells) in rows.items()),
            footnotes=footnotes.texts,
            environments=(),
            superseded=sum(older for _, older in latest),
            label=self.name,
            embedded=tuple(dict.fromkeys(record.protocol.name for record in records if _is_embedded(record))),
        )

    def _in_reading_order(self, latest: list[tuple[Record, int]]) -> list[tuple[Record, int]]:
        """Groups as they are first met, rows in them the same, columns as they are named."""
        groups: dict[str, int] = {}
        rows: dict[str, int] = {}

        def stands(found: tuple[Record, int]) -> tuple[int, int, int]:
            record = found[0]
            group = groups.setdefault(self._group(record), len(groups))
            return group, rows.setdefault(self._row_key(record), len(rows)), self.measures.index(record.measure.name)

        return sorted(latest, key=stands)

    def _has(self, record: Record) -> bool:
        return record.measure.name in self.measures

    def _is_about(self, record: Record) -> bool:
        return all(record.subject.config.get(key) == fact for key, fact in self.facts.items())

    def _columns(self, records: Sequence[Record]) -> list[Column]:
        by_measure = {name: [record for record in records if record.measure.name == name] for name in self.measures}
        return [
            Column(
                measure=found[0].measure,
                protocol="",
                fingerprints=tuple(dict.fromkeys(record.protocol.fingerprint for record in found)),
                scale=scale_of(found),
                footnotes=(),
                legend="",
            )
            for found in by_measure.values()
            if found
        ]

    def _row(self, key: str, first: Record, cells: Sequence[Cell | None]) -> Row:
        group, config = self._group(first), first.subject.config
        work = f" ({config['work']})" if is_published(first.subject) and "work" in config else ""
        source = config["source"] if is_published(first.subject) else MEASURED.lower()
        return Row(
            anchor=f"{self.name}-{fingerprint(key)}",
            subject=first.subject,
            environment=first.environment,
            task=group,
            stub=(first.subject.name + work, *(config_text(config.get(fact)) for fact in self.stub), source),
            cells=tuple(cells),
            group=group,
        )

    def _row_key(self, record: Record) -> str:
        """Numbers from two worlds never share a row, whatever their subject."""
        return row_key(record) + self._group(record)

    def _group(self, record: Record) -> str:
        if not is_published(record.subject):
            return _EMBEDDED if _is_embedded(record) else MEASURED
        said = record.subject.config.get(self.group)
        return f"Published, {said}" if said else "Published"


def _is_embedded(record: Record) -> bool:
    return record.details.get("world") == "embedded"


def _how(record: Record) -> list[str]:
    """By what a measured number was measured: its column says so elsewhere, and cannot here."""
    if is_published(record.subject):
        return []
    said = [f"measured by {record.protocol.name} ({record.protocol.fingerprint})"]
    said += [f"{100 * record.level:g} % interval"] if record.level is not None else []
    real = record.subject.config.get("real")
    return [", ".join([*said, *([f"real videos: {config_text(real)}"] if real else [])])]
