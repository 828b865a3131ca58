"""How far sets of videos are from the real ones, and which of two is closer."""

from pathlib import Path
from typing import Any

from vidgauge.metrics.scoring import score
from vidgauge.record import Record

PROTOCOL = "fvd.shapes"


def distance(real: Path, videos: Path, cache: Path) -> dict[str, Any]:
    """The set's distance from the real one, as fields of a record."""
    (found,) = score(real, videos, [PROTOCOL], cache=cache)
    return _fields(found)


def difference(real: Path, samples: Path, others: Path, cache: Path, protocol: str = PROTOCOL) -> dict[str, Any]:
    """The samples' distance less the others', as fields of a record: below 0 where samples are closer.

    Videos of one name answer one prompt, and are drawn together.
    """
    *_, found = score(real, samples, [protocol], versus=others, cache=cache)
    return _fields(found)


def verdict(found: dict[str, Any]) -> str:
    """What a difference says at its interval's level."""
    if found.get("low") is None or found.get("high") is None:
        return "undecided"
    return "better" if found["high"] < 0 else "worse" if found["low"] > 0 else "undecided"


def with_verdict(found: dict[str, Any]) -> dict[str, Any]:
    """The difference with what it says among its details."""
    return found | {"details": found["details"] | {"verdict": verdict(found)}}


def _fields(record: Record) -> dict[str, Any]:
    """Without what is about this machine's folders."""
    kept = record.model_dump(
        mode="json",
        include={
            "measure",
            "protocol",
            "value",
            "low",
            "high",
            "level",
            "no_interval",
            "n",
            "n_failed",
            "status",
            "reason",
        },
    )
    return kept | {"details": {key: record.details[key] for key in _DETAILS if key in record.details}}


_DETAILS = ("n_real", "n_generated", "p", "values", "interval", "extrapolated", "notes", "world")
