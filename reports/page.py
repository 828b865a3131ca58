"""The page: one HTML file that holds everything and asks nobody for anything."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import vidgauge
from vidgauge.environment import Environment
from vidgauge.errors import UsageError
from vidgauge.record import ProtocolRef, Record
from vidgauge.reports.comparison import Cell, Row, Table, compare
from vidgauge.reports.configuration import NOT_SAID
from vidgauge.reports.figures import figures
from vidgauge.reports.footnotes import failed_files, lost
from vidgauge.reports.html import templates
from vidgauge.reports.plots import MOST_PLOTS, plots
from vidgauge.reports.plots.trade_offs import trade_offs
from vidgauge.reports.provenance import provenance
from vidgauge.reports.ranking import contest, is_case, is_published
from vidgauge.reports.videos.gallery import NONE, Galleries
from vidgauge.reports.wording import EMBEDDED, superseded

_MOST_FILES = 50
_VERDICTS = ("faster", "equal", "undecided", "slower")


@dataclass(frozen=True)
class Gap:
    """Something that could not be measured, or samples that could not be used."""

    name: str
    where: str
    """What tells this subject from others of its name."""
    status: str
    measures: tuple[str, ...]
    reason: str
    files: tuple[tuple[str, str], ...]
    """Name and reason of each file that could not be used; not all of very many."""
    more_files: int


def page(
    records: Iterable[Record], environments: Mapping[str, Environment], title: str, videos: Galleries = NONE
) -> str:
    """Write the page.

    Args:
        records: any iterable of records, such as a ``Store``.
        environments: descriptions by fingerprint, such as ``Store.environments()``.
        title: what the page calls the collection, such as the store's file name.
        videos: what it shows of the videos that were scored.

    Returns:
        The HTML text: the same for the same records.

    Raises:
        UsageError: if there are no records.
    """
    given = list(records)
    if not given:
        raise UsageError("no records, so no page; measure something first, with 'vidgauge profile' or 'score'")
    tables = compare(given)
    rows = [row for table in tables for row in table.rows]
    cells = [cell for table in tables for cell in table.cells]
    measured = [record for record in given if not is_published(record.subject)]
    cells_measured = [cell for cell in cells if not is_published(cell.record.subject)]
    times = sorted(record.time for record in measured or given)
    older = sum(table.superseded for table in tables)
    return (
        templates()
        .get_template("page.html.j2")
        .render(
            title=title,
            version=vidgauge.__version__,
            tables=tables,
            figures={table.title: figures(table) for table in tables},
            plots={table.title: plots(table) for table in tables},
            trade_offs=list(trade_offs(tables))[:MOST_PLOTS],
            videos=videos,
            provenance={row.anchor: provenance(row) for row in rows},
            embedded=sorted({name for table in tables for name in table.embedded}),
            embedded_text=EMBEDDED,
            counts=_counts(measured, cells_measured) | _published(len(given) - len(measured)),
            superseded=superseded(older) if older else "",
            first=times[0],
            last=times[-1],
            leaders=_leaders(rows),
            verdicts=_verdicts(tables),
            verdict_names=list(dict.fromkeys([*_VERDICTS, *(cell.verdict for cell in cells if _is_to_baseline(cell))])),
            gaps=_gaps(tables),
            protocols=_protocols(cells_measured),
            environments=environments,
            style=_joined("css"),
            script=_joined("js"),
        )
    )


def _joined(kind: str) -> str:
    folder = files("vidgauge.reports") / "templates"
    return "\n".join((folder / f"{part}.{kind}").read_text("utf-8") for part in ("page", "plots", "videos"))


def _counts(records: Sequence[Record], cells: Sequence[Cell]) -> dict[str, int]:
    return {
        "records": len(records),
        "values shown": sum(cell.record.status == "ok" for cell in cells),
        "without a value": sum(cell.record.status != "ok" for cell in cells),
        "runs": len({record.run for record in records}),
        "protocols": len({(record.protocol.name, record.protocol.fingerprint) for record in records}),
        "environments": len({record.environment for record in records}),
    }


def _published(count: int) -> dict[str, int]:
    return {"published values": count} if count else {}


def _leaders(rows: Sequence[Row]) -> list[tuple[Cell, str, int]]:
    """The best cell of each contest outside of benchmark cases, its row, and how many are tied with it."""
    contests: dict[tuple[str, ...], list[tuple[Cell, str]]] = {}
    for row in rows:
        for cell in row.cells:
            if cell and cell.rank and not is_case(cell.record.subject):
                contests.setdefault(contest(cell.record), []).append((cell, row.anchor))
    best = [next(each for each in rivals if each[0].rank == "best") for rivals in contests.values()]
    ties = [sum(cell.rank == "tied" for cell, _ in rivals) for rivals in contests.values()]
    return [(cell, anchor, tied) for (cell, anchor), tied in zip(best, ties, strict=True)]


def _verdicts(tables: Sequence[Table]) -> list[tuple[str, str, Counter[str]]]:
    """Of each table and subject: how often it stood how to the baseline."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for table in tables:
        for cell in table.cells:
            if _is_to_baseline(cell) and cell.record.subject.name != cell.record.details["baseline"]:
                counts.setdefault((table.title, cell.record.subject.name), Counter())[cell.verdict] += 1
    return [(table, name, counter) for (table, name), counter in counts.items()]


def _is_to_baseline(cell: Cell) -> bool:
    return bool(cell.verdict) and "baseline" in cell.record.details


def _gaps(tables: Sequence[Table]) -> list[Gap]:
    """Everything that has no value or lost samples; measures that fell for one reason stand together."""
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    rows = {row.anchor: (table.stub, row) for table in tables for row in table.rows}
    for _, row in rows.values():
        for cell in row.cells:
            if cell and (cell.record.status != "ok" or cell.record.n_failed):
                groups.setdefault((row.anchor, cell.record.status, _reason(cell.record)), []).append(cell)
    return [_gap(*rows[anchor], status, reason, cells) for (anchor, status, reason), cells in groups.items()]


def _reason(record: Record) -> str:
    return record.reason or lost(record)


def _gap(stub: Sequence[str], row: Row, status: str, reason: str, cells: Sequence[Cell]) -> Gap:
    found = list(dict.fromkeys(file for cell in cells for file in failed_files(cell.record)))
    return Gap(
        name=row.subject.name,
        where=", ".join(f"{key} {text}" for key, text in zip(stub[1:], row.stub[1:], strict=True) if text != NOT_SAID),
        status=status,
        measures=tuple(dict.fromkeys(cell.record.measure.name for cell in cells)),
        reason=reason,
        files=tuple(found[:_MOST_FILES]),
        more_files=max(0, len(found) - _MOST_FILES),
    )


def _protocols(cells: Sequence[Cell]) -> list[tuple[ProtocolRef, list[str], int]]:
    """Each protocol, the measures made under it, and how many values."""
    found: dict[tuple[str, str], list[Record]] = {}
    for cell in cells:
        protocol = cell.record.protocol
        found.setdefault((protocol.name, protocol.fingerprint), []).append(cell.record)
    return [
        (records[0].protocol, sorted({record.measure.name for record in records}), len(records))
        for _, records in sorted(found.items())
    ]
