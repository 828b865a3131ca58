"""All values of tables for other programs: one line a value, at full precision and in the record's own unit."""

from collections.abc import Sequence

from vidgauge.reports.comparison import Cell, Column, Row, Table
from vidgauge.reports.footnotes import notes
from vidgauge.reports.ranking import canonical

FIELDS = (
    *("table", "kind", "name", "config", "measure", "unit", "better", "value", "low", "high", "level", "no_interval"),
    *("n", "n_failed", "status", "reason", "rank", "place", "verdict", "protocol", "protocol_fingerprint"),
    *("environment", "run", "time", "world", "notes"),
)


def lines(tables: Sequence[Table]) -> list[dict[str, object]]:
    """A dictionary of ``FIELDS`` for each value, without superseded ones; None where there is nothing to say."""
    return [
        _line(table, row, column, cell)
        for table in tables
        for row in table.rows
        for column, cell in zip(table.columns, row.cells, strict=True)
        if cell
    ]


def _line(table: Table, row: Row, column: Column, cell: Cell) -> dict[str, object]:
    record = cell.record
    plain = record.model_dump(include={"value", "low", "high", "level", "no_interval", "n", "n_failed", "run", "time"})
    return plain | {
        "table": table.title,
        "kind": table.kind,
        "name": row.subject.name,
        "config": canonical(row.subject.config),
        "measure": column.measure.name,
        "unit": column.measure.unit,
        "better": column.measure.better,
        "status": record.status,
        "reason": record.reason,
        "rank": cell.rank,
        "place": cell.place or None,
        "verdict": cell.verdict,
        "protocol": record.protocol.name,
        "protocol_fingerprint": record.protocol.fingerprint,
        "environment": record.environment,
        "world": record.details.get("world", ""),
        "notes": "; ".join(notes(record)),
    }
