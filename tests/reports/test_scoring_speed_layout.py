"""The tables of scoring's speed, from records made by hand."""

from typing import Any

from vidgauge.record import Measure, ProtocolRef, Record, Subject
from vidgauge.reports.layouts import LAYOUTS

INTERVAL = {"low": 1.5, "high": 2.5, "level": 0.99, "no_interval": ""}


def found(
    part: dict[str, Any],
    tool: str,
    what: str,
    measure: str,
    value: float | None,
    **fields: Any,  # noqa: ANN401
) -> Record:
    fields = {"no_interval": "few"} | fields if value is not None else {"status": "skipped"} | fields
    return Record(
        subject=Subject(kind="scoring", name=tool, config=part | {"what": what}),
        measure=Measure(name=measure, unit="1", better="neither"),
        protocol=ProtocolRef(name="scoring-speed", fingerprint="f"),
        environment="e",
        run="r",
        value=value,
        **fields,
    )


def lines_of(*records: Record) -> list[str]:
    return LAYOUTS["scoring-speed"](records).splitlines()


def test_whole_and_network_of_each_and_what_the_whole_takes_over_its_parts() -> None:
    part = {"kind": "videos", "part": "I3D", "clips": 6, "frames": 16, "height": 240, "width": 320, "threads": 2}
    whole, alone = "whole / vidgauge, whole", "network alone / vidgauge, network alone"
    lines = lines_of(
        found(
            part,
            "vidgauge",
            "whole",
            "clips_per_second",
            4,
            **INTERVAL,
            details={"package": "vidgauge", "version": "0.1"},
        ),
        found(part, "vidgauge", "network alone", "clips_per_second", 5),
        found(part, "b|c", "whole", "clips_per_second", 2),
        found(part, "b|c", whole, "time_ratio", 2, **INTERVAL),
        found(part, "d", "network alone", "clips_per_second", 1),
        found(part, "d", alone, "time_ratio", 5),
        found(part, "d", "whole", "clips_per_second", None, reason="d is not installed"),
        found(part, "vidgauge", "whole / vidgauge, network alone", "time_ratio", 1.25),
        found(part, "vidgauge", "whole / decoding and network alone", "time_ratio", 1.0),
        found(part, "vidgauge", "whole / decoding, resizing and network alone", "time_ratio", 0.875),
        found(part, "vidgauge", "whole / itself", "time_ratio", 0.99),
    )
    assert lines[0] == "**I3D: 12 clips of 16 frames of 320x240, 2 threads**"
    assert "| whole | vidgauge | 4 [1.5, 2.5] |  |" in lines
    assert r"| whole | b\|c | 2 | 2 [1.5, 2.5] |" in lines
    assert "| whole | d | skipped: d is not installed |  |" in lines
    assert "| network alone | d | 1 | 5 |" in lines
    said = (
        "Our whole takes 1.25 times as long as our network alone, and 1 times as long as decoding and network one after"
    )
    assert (
        f"{said} the other, 0.875 times as long with resizing. Ours, run twice in the same rounds, is 0.99 of itself."
        in lines
    )
    assert lines[-1] == "vidgauge 0.1."


def test_layers_come_by_time_and_the_worst_is_named() -> None:
    part = {"kind": "layers", "part": "layers of I3D", "threads": 2}

    def layer(name: str, share: float, seconds: float) -> Record:
        details = {"flops": 2e9, "median_seconds": seconds, "ceiling": "conv3d", "ceiling_flops_per_second": 1e11}
        return found(part, "vidgauge", name, "share_of_ceiling", share, details=details)

    lines = lines_of(
        layer("a", 0.5, 0.01),
        layer("layers.b", 0.75, 0.02),
        found(part, "vidgauge", "all, weighted by time", "share_of_ceiling", 0.667),
    )
    assert lines[4:6] == ["| b | 2.00 | 20.00 | 0.75 |", "| a | 2.00 | 10.00 | 0.5 |"]
    assert (
        "Weighted by time 0.667; worst 0.5 (a). The ceiling is conv3d: 100 to 100 GFLOP/s in the layers' rounds."
        in lines
    )


def test_distances_have_a_row_for_each_size() -> None:
    def part(dimension: int) -> dict[str, Any]:
        return {"kind": "distances", "part": str(dimension), "dimension": dimension, "samples": 5000, "threads": 2}

    def seconds(dimension: int, tool: str, value: float, distance: float) -> Record:
        details = {"distance": distance, "scipy": "1.17"}
        return found(part(dimension), tool, "distance", "seconds", value, n=9, details=details)

    lines = lines_of(
        seconds(2048, "vidgauge", 2, 10.0),
        seconds(400, "vidgauge", 0.1, 10.0),
        seconds(400, "b", 0.4, 10.001),
        found(part(400), "b", "distance / vidgauge, distance", "time_ratio", 4, **INTERVAL),
        found(part(2048), "b", "distance", "seconds", None, reason="b is not installed"),
    )
    assert lines[4] == "| 400 | 5000 | 9 | 0.1 | 0.4 | 4 [1.5, 2.5] |"
    assert lines[5] == "| 2048 | 5000 | 9 | 2 | skipped: b is not installed |  |"
    assert "SciPy 1.17. All distances agree to 1e-04." in lines


def test_standard_errors_and_replicates() -> None:
    part = {"kind": "standard-errors", "part": "errors", "dimension": 400, "samples": 2048, "threads": 2}
    bootstrap, influence = "standard error by bootstrap", "standard error by influence"
    lines = lines_of(
        found(part, "vidgauge", bootstrap, "seconds", 50, details={"standard_error": 2.0, "replicates": 1000}),
        found(part, "vidgauge", influence, "seconds", 0.5, details={"standard_error": 2.1}),
        found(part, "vidgauge", f"{bootstrap} / vidgauge, {influence}", "time_ratio", 100),
        found(part, "vidgauge", f"{influence} / vidgauge, {bootstrap}", "standard_error_ratio", 1.05),
        found(part, "vidgauge", "exact replicates", "replicates_per_second", 20, details={"distances": [4.0, 5.0]}),
        found(part, "loop", "exact replicates", "replicates_per_second", 5, details={"distances": [4.0, 5.05]}),
        found(part, "loop", "exact replicates / vidgauge, exact replicates", "time_ratio", 4),
        found(part, "gone", "exact replicates", "replicates_per_second", None, reason="gone is not installed"),
        found(part, "vidgauge", f"{influence} / itself", "time_ratio", 1.01),
    )
    assert "| standard error by bootstrap, 1000 replicates | 50 | 2 |  |  |" in lines
    assert "| standard error by influence | 0.5 | 2.1 | 100 | 1.05 |" in lines
    assert "| loop | 5 | 4 |" in lines
    assert "| gone | skipped: gone is not installed |  |" in lines
    assert any(line.startswith("Replicates of the same resampling agree to 1e-02. Ours, run twice") for line in lines)


def test_scoring_again_memory_and_parts_that_failed() -> None:
    again = {"kind": "rescoring", "part": "again", "clips": 256, "protocol": "fvd.a_b"}
    memory = {"kind": "memory", "part": "memory", "few": 200, "many": 20000}
    load = Record(
        subject=Subject(kind="part", name="again", config={}),
        measure=Measure(name="part_seconds", unit="s", better="neither"),
        protocol=ProtocolRef(name="scoring-speed.part", fingerprint="f"),
        environment="e",
        run="r",
        value=3,
        no_interval="once",
        details={"load_average_before": 0.5},
    )
    lines = lines_of(
        load,
        found({"part": "I3D", "kind": "videos"}, "vidgauge", "part", "part_seconds", None, reason="it ended"),
        found(again, "vidgauge", "first score", "seconds", 200),
        found(again, "vidgauge", "score again", "seconds", 4),
        found(again, "vidgauge", "first score / vidgauge, score again", "time_ratio", 50),
        found(memory, "vidgauge", "own, 200 clips", "peak_memory", 2**30),
        found(memory, "vidgauge", "own, 20000 clips", "peak_memory", 2**30 * 1.02),
        found(memory, "vidgauge", "own, 20000 clips / 200 clips", "memory_ratio", 1.02),
    )
    assert "takes 200 s, and 4 s when run again: the first takes 50 times as long. The" in lines[0]
    assert "| the one that scores | 1024 | 1044 | 1.02 |" in lines
    assert "I3D: it ended." in lines
    assert lines[-1] == "Load average before the parts: 0.5 to 0.5."
