"""A record holds together or is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from vidgauge.record import Measure, ProtocolRef, Record, Subject


def record(**changes: Any) -> Record:  # noqa: ANN401 - fields of all kinds
    fields: dict[str, Any] = {
        "subject": Subject(kind="videos", name="a"),
        "measure": Measure(name="fvd", unit="1", better="lower"),
        "protocol": ProtocolRef(name="fvd.shapes", fingerprint="0" * 16),
        "environment": "e",
        "run": "r",
        "value": 1.0,
        "low": 0.5,
        "high": 1.5,
        "level": 0.95,
    }
    return Record(**(fields | changes))


def test_survives_json() -> None:
    original = record()
    assert Record.model_validate_json(original.model_dump_json()) == original


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": None}, "exactly when its status"),
        ({"value": float("nan")}, "not a finite number"),
        ({"low": float("-inf")}, "not a finite number"),
        ({"low": None}, "together"),
        ({"level": None}, "together"),
        ({"low": None, "high": None, "level": None}, "the reason why it has none"),
        ({"no_interval": "two clips"}, "the reason why it has none"),
        ({"status": "oom", "value": None, "low": None, "high": None, "level": None}, "needs a reason"),
        ({"n": -1}, "greater than or equal to 0"),
        ({"surprise": 1}, "Extra inputs"),
    ],
)
def test_a_record_that_does_not_hold_together_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        record(**changes)


def test_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        record().value = 2.0  # type: ignore[misc]  # what must fail
