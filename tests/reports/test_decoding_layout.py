"""The table of decoders, from records made by hand."""

from typing import Any

from vidgauge.record import Measure, ProtocolRef, Record, Subject
from vidgauge.reports.layouts import LAYOUTS

CONFIG = {"file": "H.264 in MP4 320x240", "frames": 300}


def result(tool: str, measure: str, task: str = "whole", **fields: Any) -> Record:  # noqa: ANN401
    return Record(
        subject=Subject(kind="decoder", name=tool, config=CONFIG | {"task": task, "minutes": 10.0}),
        measure=Measure(name=measure, unit="1", better="neither"),
        protocol=ProtocolRef(name=f"decoding.{measure}", fingerprint="f"),
        environment="e",
        run="r",
        **fields,
    )


def speed(tool: str, value: float, share: float = 1.0, task: str = "whole") -> Record:
    details = {"version": "1.0", "cpu_share": share}
    return result(tool, "frames_per_second", task, value=value, no_interval="few", details=details)


def test_there_is_a_row_for_each_file_and_two_columns_for_each_other_decoder() -> None:
    ratio: dict[str, Any] = {"low": 0.8, "high": 1.0, "level": 0.99, "details": {"verdict": "faster"}}
    table = LAYOUTS["decoding"](
        [
            speed("vidgauge", 2000, 0.99),
            result("vidgauge", "time_ratio", value=1.002, no_interval="few", details={"verdict": ""}),
            result("vidgauge", "largest_difference", value=0, no_interval="all", details={"mean": 0.0}),
            speed("torchcodec", 2222),
            result("torchcodec", "time_ratio", value=0.9, **ratio),
            result("torchcodec", "largest_difference", value=3, no_interval="all", details={"mean": 0.25}),
            result("decord", "frames_per_second", status="skipped", reason="decord is not installed"),
            speed("vidgauge", 500, task="clips"),
        ]
    )
    lines = table.splitlines()
    assert lines[0] == "**Every frame of a file of 300, frames per second of CPU time**"
    assert lines[2] == "| file | vidgauge | torchcodec | its time / ours | decord | its time / ours |"
    assert lines[4] == (
        "| H.264 in MP4 320x240 | 2,000 | 2,222 | 0.90 [0.80, 1.00] faster | skipped: decord is not installed |  |"
    )
    assert "| H.264 in MP4 320x240 | 500 |" in lines
    assert "vidgauge 1.0: CPU time by wall time 0.99 to 1.00." in lines
    differ = "its frames differ from ours by 3 of 255 at most, 0.250 on average (H.264 in MP4 320x240)."
    assert f"torchcodec 1.0: CPU time by wall time 1.00 to 1.00; {differ}" in lines
    assert "Ours, run twice in the same rounds, is 1.002 to 1.002 of itself." in lines


def test_memory_is_told_in_words() -> None:
    details = {"idle_bytes": 400 * 2**20, "reader_bytes": 120 * 2**20, "decoder_bytes": 130 * 2**20, "seconds": 3.0}
    added = result("vidgauge", "added_memory", "stream", value=250 * 2**20, no_interval="once", details=details)
    assert LAYOUTS["decoding"]([added]) == (
        "Streaming all clips of 16 frames from 10 minutes of H.264 in MP4 320x240 adds 250 MiB at its peak to the "
        "400 MiB of an idle process: 120 in it and 130 in the process that decodes; 100 frames a second.\n"
    )
