"""The tables of a validation: one made by hand."""

from typing import Any

import pytest

from vidgauge.record import Measure, ProtocolRef, Record, Subject
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.reports.layouts.validate import validate


def made(protocol: str, distortion: str, severity: float | None = None, **fields: Any) -> Record:  # noqa: ANN401
    config: dict[str, Any] = {"clips": 9, "frames": 4, "data": "of|mine", "failed": 2, "distortion": distortion}
    config |= {} if severity is None else {"severity": severity}
    if "low" in fields:
        fields["level"] = 0.95
    elif "value" in fields:
        fields["no_interval"] = "made by hand"
    return Record(
        subject=Subject(
            kind="distorted videos", name=f"{distortion} {severity}" if severity else distortion, config=config
        ),
        measure=Measure(name="fvd", unit="1", better="lower"),
        protocol=ProtocolRef(name=protocol, fingerprint=protocol),
        environment="here",
        run="run",
        **fields,
    )


def ladder(protocol: str, distortion: str, kind: str, worst: float, seen_from: float | None) -> list[Record]:
    details = {"reactions": [0, worst], "seen_from": seen_from, "kind": kind}
    return [
        made(protocol, distortion, 0.5, value=5.0, low=4.0, high=6.0),
        made(protocol, distortion, 1.0, value=4321.0),
        made(f"{protocol}.sensitivity", distortion, value=0.25, details=details),
        made(
            f"{protocol}.monotonicity",
            distortion,
            value=1.0,
            details={"kind": kind, "violations": [(0.5, 1.0)] * bool(seen_from)},
        ),
    ]


RECORDS = [
    made("fvd.mine", "undistorted", 0.0, value=2.0, low=1.0, high=3.0),
    made("absent", "undistorted", 0.0, status="failed", reason="no weights"),
    made("fvd.mine.floor", "undistorted", value=1.5, low=0.5, high=2.5, details={"spread": 0.5}),
    *ladder("fvd.mine", "warp", "spatial", 3.0, None),
    *ladder("fvd.mine", "wobble", "both", -7.0, 0.5),
    made("fvd.mine.content-bias", "all", value=4.0, details={"spatial": 2.0, "temporal": 0.5}),
    made("fvd.mine.added-by-time", "wobble", 0.5, value=0.1, low=-0.2, high=0.4, details={"relative": None}),
    made("fvd.mine.added-by-time", "wobble", 1.0, value=6.0, details={"relative": 0.5}),
]


def test_what_is_found_stands_in_tables() -> None:
    lines = validate(RECORDS).splitlines()
    assert (
        lines[0]
        == "**Without damage: 9 clips of 4 frames of of\\|mine in each of two sets; 2 videos could not be used**"
    )
    assert "| fvd.mine | 2 | 1 to 3 | 1.5 | 0.5 to 2.5 | 0.5 |" in lines
    assert "**fvd.mine: lower is better**" in lines
    assert "| warp | spatial | 5 (4 to 6) | 4,321 | not seen | +3 | 0.25 | 1 | none |" in lines
    assert "| wobble | both | 5 (4 to 6) | 4,321 | 0.5 | **-7: for the better** | 0.25 | 1 | 0.5 > 1 |" in lines
    assert "| fvd.mine | 2 | 0.5 | 4 | +0.1 (-0.2 to 0.4) | +6, +50% |" in lines
    assert "- absent: no weights" in lines
    assert not any("absent" in line for line in lines if line.startswith("|"))


def test_pairs_have_ladders_alone() -> None:
    paired = [one for one in RECORDS[1:] if one.protocol.name in ("fvd.mine", "fvd.mine.monotonicity")]
    lines = validate(paired).splitlines()
    assert lines[0] == "**9 clips of 4 frames of of\\|mine in each of two sets; 2 videos could not be used**"
    assert not any(line.startswith("| fvd.mine") for line in lines)
    assert "| warp | spatial | 5 (4 to 6) | 4,321 |  |  |  | 1 | none |" in lines
    assert not any("content-bias" in line for line in lines)


@pytest.mark.parametrize("records", [[], [one for one in RECORDS if one.protocol.name == "absent"]])
def test_without_values_there_are_no_tables_of_ladders(records: list[Record]) -> None:
    text = LAYOUTS["validate"](records)
    assert "fvd.mine" not in text
    assert text.endswith("\n")
