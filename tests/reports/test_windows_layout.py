"""The table of W.A.L.T's windows, from records made by hand."""

from typing import Any

from vidgauge.record import Measure, ProtocolRef, Record, Subject
from vidgauge.reports.layouts import LAYOUTS


def found(windows: str, measure: str, value: float | None, case: str = "a | b", **fields: Any) -> Record:  # noqa: ANN401
    fields = ({"no_interval": "few"} if value is not None else {"status": "skipped", "reason": "no GPU"}) | fields
    config = {"case": case, "batch": 2, "dtype": "float32", "device": "cpu"}
    return Record(
        subject=Subject(kind="system", name=windows, config=config),
        measure=Measure(name=measure, unit="1", better="neither"),
        protocol=ProtocolRef(name=measure, fingerprint="f"),
        environment="e",
        run="r",
        value=value,
        **fields,
    )


def test_speed_ups_stand_beside_the_papers() -> None:
    interval: dict[str, Any] = {"low": 0.4, "high": 0.625, "level": 0.99, "no_interval": ""}
    table = LAYOUTS["windows"](
        [
            found("full", "latency", 4.0),
            found("full", "ratio_to_baseline", 1.01),
            found("full", "efficiency", 0.5),
            found("full", "peak_memory", 3 * 2**30),
            found("5x8x8", "latency", 2.0),
            found("5x8x8", "ratio_to_baseline", 0.5, **interval),
            found("5x8x8", "efficiency", 0.4, details={"predicted_speedup": 1.25}),
            found("5x8x8", "flops", 1.5e12),
            found("5x4x4", "latency", None, status="oom", reason="out | of memory"),
            found("full", "latency", None, case="on a GPU"),
        ]
    )
    lines = table.splitlines()
    assert lines[0] == r"**a \| b: forward and backward, 2 clips, float32 on cpu**"
    assert [line.split(" | ")[0] for line in lines[4:]] == ["| 5x4x4", "| 5x8x8", "| full"]
    assert lines[4].startswith(r"| 5x4x4 | oom: out \| of memory |  |  | 1.87 | 2.24 |")
    assert lines[5] == "| 5x8x8 | 0.50 | 2.00 [1.60, 2.50] | 1.25 | 1.67 | 2.00 |  | 1,500 |"
    assert lines[6] == "| full | 0.25 | 1.00 | 1.00 | 1.00 | 1.20 | 3,072 MiB |  |"
    assert "GPU" not in table


def test_nothing_measured() -> None:
    assert "Nothing" in LAYOUTS["windows"]([found("full", "latency", None)])
