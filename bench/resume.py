"""Going on with a run that was cut off: which of its parts are whole in the store."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from vidgauge.bench.budget import CUT
from vidgauge.record import Record

_PLACE = "part"
"""Where in a record's details it is said which part of which run it belongs to."""


@dataclass(frozen=True)
class Earlier:
    """A run that has begun."""

    run: str
    parts: dict[str, list[Record]] = field(default_factory=dict)
    """The records of each part that is finished, by the part's key."""


def placed(records: list[Record], ask: str, key: str) -> list[Record]:
    """The records of a part, each with where it belongs and how many there are: half a part is known as such.

    Args:
        records: all of one part.
        ask: fingerprint of what the whole run was asked for.
        key: fingerprint of what this part was.
    """
    place = {"run": ask, "key": key, "records": len(records)}
    return [record.model_copy(update={"details": record.details | {_PLACE: place}}) for record in records]


def find_earlier(records: Iterable[Record], ask: str, environment: str) -> Earlier | None:
    """The latest run that was asked for the same in the same environment.

    Args:
        records: of a store, oldest first.
        ask: fingerprint of what is asked for.
        environment: fingerprint of where.
    """
    runs: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.environment == environment and _place(record).get("run") == ask:
            runs[record.run].append(record)
    if not runs:
        return None
    run, found = list(runs.items())[-1]
    return Earlier(run, {key: part for key, part in _parts(found).items() if _is_finished(part)})


def _parts(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Records by part; of one that was begun twice, the later of each."""
    parts: dict[str, dict[tuple[str, ...], Record]] = defaultdict(dict)
    for record in records:
        which = (record.subject.name, str(record.subject.config.get("dtype")), record.measure.name)
        parts[_place(record)["key"]][which] = record
    return {key: list(part.values()) for key, part in parts.items()}


def _is_finished(part: list[Record]) -> bool:
    """All there, and not left out or broken off for want of time."""
    whole = len(part) == _place(part[-1])["records"]
    return whole and not any(record.status == "skipped" and record.reason.startswith(CUT) for record in part)


def _place(record: Record) -> dict[str, Any]:
    place: dict[str, Any] = record.details.get(_PLACE, {})
    return place
