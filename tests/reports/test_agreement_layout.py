"""The tables of agreement, from records made by hand."""

from typing import Any

from vidgauge.record import Measure, ProtocolRef, Record, Subject
from vidgauge.reports.layouts import LAYOUTS


def row(measure: str, reference: str, part: str, case: str = "d=400", **fields: Any) -> Record:  # noqa: ANN401
    details = {"package": "a|package", "version": "1.2", "bound": 1e-6} | fields.pop("details", {})
    if "value" in fields:
        details |= {"ours": 2.0, "theirs": 2.5, "within": fields["value"] <= details["bound"]}
        fields["no_interval"] = "computed, not sampled"
    return Record(
        subject=Subject(kind="metric", name=measure, config={"part": part, "reference": reference, "case": case}),
        measure=Measure(name="relative_difference", unit="1", better="lower"),
        protocol=ProtocolRef(name=f"agreement.{part}", fingerprint="f"),
        environment="e",
        run="r",
        details=details,
        **fields,
    )


def test_there_is_a_table_for_each_part_and_a_row_for_each_metric_and_reference() -> None:
    lines = LAYOUTS["agreement"](
        [
            row("features", "b: Network", "networks", value=0.0, details={"package": "b", "bound": 1e-4}),
            row("distance", "a|package", "statistics", value=3e-15),
            row("distance", "b", "statistics", value=2e-5, details={"package": "b"}),
            row("distance", "c", "statistics", value=0.0),
        ]
    ).splitlines()
    assert [line for line in lines if line.startswith("**")] == [
        "**Statistics of the same features**",
        "**Networks with equal random weights, on the same prepared input**",
    ]
    assert lines[2] == "| metric | reference | on | ours | theirs | relative difference | bound | within |"
    assert lines[4] == r"| distance | a\|package | d=400 | 2 | 2.5 | 3.0e-15 | 1e-06 | yes |"
    assert lines[5] == "| distance | b | d=400 | 2 | 2.5 | 2.0e-05 | 1e-06 | **no** |"
    assert lines[6] == "| distance | c | d=400 | 2 | 2.5 | 0 | 1e-06 | yes |"
    assert "2 of 3 comparisons within their bounds, 1 of them without any difference." in lines
    assert "| features | b: Network | d=400 | 2 | 2.5 | 0 | 0.0001 | yes |" in lines
    assert lines[-1] == r"References: a\|package 1.2, b 1.2."


def test_of_several_cases_the_worst_is_shown() -> None:
    def table(*records: Record) -> list[str]:
        return LAYOUTS["agreement"](records).splitlines()

    near, far = (row("distance", "a", "statistics", case, value=value) for case, value in (("1", 1e-9), ("2", 1e-8)))
    loose = row("distance", "a", "statistics", "3", value=1e-7, details={"bound": 1e-2})
    assert table(near, far, loose)[4].startswith("| distance | a | 3 cases; worst: 2 | 2 | 2.5 | 1.0e-08 |")
    failed = row("distance", "a", "statistics", "4", status="failed", reason="a failed: TypeError: disp")
    lines = table(near, failed, far)
    assert lines[4] == "| distance | a | 3 cases; worst: 4 |  |  | failed: a failed: TypeError: disp | 1e-06 | no |"
    assert "2 of 2 comparisons within their bounds, 0 of them without any difference, 1 without a number." in lines


def test_without_references_there_are_rows_all_the_same() -> None:
    skipped = row("distance", "a", "videos", status="skipped", reason="a is not installed", details={"version": None})
    lines = LAYOUTS["agreement"]([skipped]).splitlines()
    assert lines[0] == "**From video files to numbers, with equal random weights**"
    assert lines[4] == "| distance | a | d=400 |  |  | skipped: a is not installed | 1e-06 | no |"
    assert "0 of 0 comparisons within their bounds, 0 of them without any difference, 1 without a number." in lines
    assert lines[-1] == "References: none is installed."
