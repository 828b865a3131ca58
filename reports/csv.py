"""Tables as CSV for other programs: one line a value, at full precision and in the record's own unit."""

import csv
import io
from collections.abc import Sequence

from vidgauge.reports.comparison import Cell, Column, Row, Table
from vidgauge.reports.footnotes import notes
from vidgauge.reports.ranking import canonical

FIELDS = (
    *("table", "kind", "name", "config", "measure", "unit", "better", "value", "low", "high", "level", "no_interval"),
    *("n", "n_failed", "status", "reason", "rank", "verdict", "protocol", "protocol_fingerprint", "environment"),
    *("run", "time", "world", "notes"),
)


def write_csv(tables: Sequence[Table]) -> str:
    """All values of all tables, without superseded ones."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    for table in tables:
        for row in table.rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                if cell:
                    writer.writerow(_line(table, row, column, cell))
    return text.getvalue()


def _line(table: Table, row: Row, column: Column, cell: Cell) -> dict[str, object]:
    record = cell.record
    plain = record.model_dump(include={"value", "low", "high", "level", "no_interval", "n", "n_failed", "run"})
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
        "verdict": cell.verdict,
        "protocol": record.protocol.name,
        "protocol_fingerprint": record.protocol.fingerprint,
        "environment": record.environment,
        "time": record.time.isoformat(),
        "world": record.details.get("world", ""),
        "notes": "; ".join(notes(record)),
    }
