"""Tables of contests, from records made by hand."""

from typing import Any

from vidgauge.record import Measure, ProtocolRef, Record, Subject
from vidgauge.reports.layouts import LAYOUTS

INTERVAL: dict[str, Any] = {"low": 0.0, "high": 0.018, "level": 0.95, "n": 200}


def result(tool: str, measure: str, percent: int, budget: float = 1.0, **fields: Any) -> Record:  # noqa: ANN401
    config = {"call": "1 ms by wall clock", "condition": "as found", "percent": percent, "budget_seconds": budget}
    return Record(
        subject=Subject(kind="tool", name=tool, config=config),
        measure=Measure(name=measure, unit="1", better="neither"),
        protocol=ProtocolRef(name=f"timing.{measure}", fingerprint="f"),
        environment="e",
        run="r",
        **fields,
    )


def test_timing_has_a_row_for_each_tool_and_budget() -> None:
    table = LAYOUTS["timing"](
        [
            result("torch", "false_verdict_rate", 0, value=0.25, **INTERVAL | {"low": 0.2, "high": 0.3, "n": 100}),
            result("vidgauge", "detection_rate", 3, 10.0, value=0.95, **INTERVAL | {"low": 0.9, "high": 0.99}),
            result("vidgauge", "seconds_to_verdict", 3, 10.0, value=0.31, no_interval="few"),
            result("vidgauge", "false_verdict_rate", 0, value=0.005, n_failed=2, **INTERVAL),
            result("vidgauge", "ratio_error_p90", 0, value=0.01, **INTERVAL, details={"load_averages": [0.1, 2.5]}),
            result("vidgauge", "harness_overhead", 0, value=0.02, **INTERVAL),
            result("asv", "false_verdict_rate", 0, status="skipped", reason="asv is not installed"),
            result("asv", "detection_rate", 10, status="skipped", reason="asv is not installed"),
        ]
    )
    lines = table.splitlines()
    assert lines[0] == "**1 ms by wall clock, as found**"
    assert [line.split(" | ")[0] for line in lines if line.startswith("| ")] == [
        "| tool",
        "| ---",
        "| vidgauge",
        "| vidgauge",
        "| asv",
        "| torch",
    ]
    assert "| vidgauge | 1 s | 0.5% [0.0%, 1.8%] of 200, 2 failed | 1.0% [0.0%, 1.8%] |  |  |" in lines
    assert "| vidgauge | 10 s |  |  | 95.0% [90.0%, 99.0%] of 200, in 0.31 s |  |" in lines
    assert "| asv | 1 s | skipped: asv is not installed |  |  | skipped: asv is not installed |" in lines
    assert "Load average before the trials' own load: 0.1 to 2.5." in lines
    assert "Between its samples vidgauge spends 2.0% [0.0%, 1.8%] of the time in them (200 runs)." in lines


def allocation(pattern: str, technique: str, true: int, found: int) -> Record:
    return Record(
        subject=Subject(kind="allocations", name=pattern, config={"true_bytes": true}),
        measure=Measure(name="peak_memory_error", unit="1", better="neither"),
        protocol=ProtocolRef(name=f"peak_memory_error.{technique}", fingerprint="f"),
        environment="e",
        run="r",
        value=found / true - 1,
        no_interval="counted",
        details={"bytes": found},
    )


def test_peak_memory_has_a_row_for_each_pattern() -> None:
    mebibyte = 2**20
    table = LAYOUTS["peak-memory"](
        [
            allocation("one tensor", "resident", 64 * mebibyte, 65 * mebibyte),
            allocation("one tensor", "allocator_events", 64 * mebibyte, 64 * mebibyte),
            allocation("views", "resident", 64 * mebibyte, 63 * mebibyte),
        ]
    )
    lines = table.splitlines()
    assert lines[0] == "| pattern | true, MiB | resident, MiB | error | allocator events, MiB | error |"
    assert lines[2] == "| one tensor | 64.00 | 65.00 | +1.56% | 64.00 | +0.00% |"
    assert lines[3] == "| views | 64.00 | 63.00 | -1.56% | not here | |"
    assert "Largest error of resident: 1.56% over 2 patterns." in lines
