"""Where each number comes from, short enough to travel inside the page."""

import json
from statistics import median
from typing import Any

from vidgauge.record import Record
from vidgauge.reports.axes import is_number
from vidgauge.reports.comparison import Cell, Row
from vidgauge.reports.footnotes import notes
from vidgauge.reports.ranking import is_published

_LONGEST_LIST = 20
_LONGEST_SAMPLES = 8
_LONGEST_TEXT = 400
_DEEPEST = 5
_MOST_CHARACTERS = 4000  # of a record's details as JSON; thousands of records travel inside one page


def provenance(row: Row) -> dict[str, Any]:
    """What the page shows when a row is opened: the subject's configuration and all about each number."""
    records = [_record(cell) | {"column": column} for column, cell in enumerate(row.cells) if cell]
    return {"config": summarise(row.subject.config), "records": records}


def _record(cell: Cell) -> dict[str, Any]:
    record = cell.record
    if is_published(record.subject):
        return {"measure": record.measure.name, "facts": {k: v for k, v in _said(record).items() if v}, "details": {}}
    facts: dict[str, Any] = {
        "value": _value(record),
        "interval": f"{record.low:g} to {record.high:g} at level {record.level:g}" if record.level else "none",
        "no interval because": record.no_interval,
        "reason": record.reason,
        "n": f"{record.n}, {record.n_failed} failed",
        "protocol": f"{record.protocol.name}, fingerprint {record.protocol.fingerprint}",
        "environment": f"fingerprint {record.environment}",
        "commit": record.code or "not known",
        "run": record.run,
        "time": record.time.strftime("%Y-%m-%d %H:%M:%S UTC"),
        "superseded": f"{cell.older} older" if cell.older else "",
    }
    return {
        "measure": record.measure.name,
        "facts": {key: fact for key, fact in facts.items() if fact},
        "details": _details(record),
    }


def _details(record: Record) -> dict[str, Any]:
    """As deep as there is room for."""
    for deepest in range(_DEEPEST, 0, -1):
        details = {key: summarise(value, deepest) for key, value in record.details.items()}
        if len(json.dumps(details, default=str)) <= _MOST_CHARACTERS:
            break
    return details


def _said(record: Record) -> dict[str, Any]:
    """About a number of a paper: its words; nobody here knows its environment."""
    printed = record.details["printed"]
    margin = f" ± {printed['plus_minus']}" if printed["plus_minus"] else ""
    return {
        "value": _value(record),
        "printed as": printed["value"] + margin + (" %" if printed["percent"] else ""),
        "interval": f"none; {record.no_interval}" if margin else "none is published",
        "published in": record.details["citation"],
        "certainty": record.details["certainty"],
        "notes": "; ".join(notes(record)[1:]),
    }


def _value(record: Record) -> str:
    if record.value is None:
        return f"none, {record.status}"
    return f"{record.value:.10g}" + (f" {record.measure.unit}" if record.measure.unit != "1" else "")


def summarise(data: Any, deepest: int = _DEEPEST) -> Any:  # noqa: ANN401 - whatever details hold
    """The same data, with raw samples as their count, ends and median, and everything else cut to size.

    Args:
        data: what JSON can hold.
        deepest: how many lists and objects inside each other are written out.
    """
    if isinstance(data, list) and len(data) > _LONGEST_SAMPLES and all(map(is_number, data)):
        return f"{len(data)} numbers: least {min(data):.6g}, median {median(data):.6g}, greatest {max(data):.6g}"
    if isinstance(data, (list, dict)) and data and deepest == 0:
        return f"{len(data)} {'entry' if len(data) == 1 else 'entries'}"
    if isinstance(data, list):
        more = [f"and {len(data) - _LONGEST_LIST} more"] if len(data) > _LONGEST_LIST else []
        return [summarise(item, deepest - 1) for item in data[:_LONGEST_LIST]] + more
    if isinstance(data, dict):
        kept = {str(key): summarise(value, deepest - 1) for key, value in list(data.items())[:_LONGEST_LIST]}
        return kept | ({"…": f"and {len(data) - len(kept)} more"} if len(data) > len(kept) else {})
    if isinstance(data, str) and len(data) > _LONGEST_TEXT:
        return f"{data[:_LONGEST_TEXT]}… ({len(data)} characters)"
    return data
