"""Predicted times and efficiencies from costs, ceilings and times that the test sets."""

from typing import Any

import pytest

from vidgauge.bench.case_records import FLOPS, LATENCY, RATIO
from vidgauge.bench.ceilings.result import Ceilings, Rate, highest
from vidgauge.bench.predictions import ABOVE, copies, prediction_records, traffic
from vidgauge.bench.profile_table import tables
from vidgauge.errors import UsageError
from vidgauge.record import Measure, ProtocolRef, Record, Subject
from vidgauge.reference_models.cost import Cost, convolution

COST = Cost(
    parameters=10,
    forward_flops=2_000_000_000,
    useful_forward_flops=0,
    backward_flops=4_000_000_000,
    useful_backward_flops=0,
    elementwise_flops=0,
    min_bytes=100_000_000,
    copy_bytes=50_000_000,
    activation_bytes=30_000_000,
)


def ceilings(flops: float, size: float, dtype: str = "float32") -> Ceilings:
    return Ceilings.model_validate(
        {
            "device": "cpu",
            "dtype": dtype,
            "threads": 1,
            "compute": [Rate(candidate="gemm", work=1, per_second=flops, seconds=[1.0])],
            "bandwidth": [Rate(candidate="copy", work=1, per_second=size, seconds=[1.0])],
            "overhead_seconds": 1e-6,
            "array_bytes": 1,
            "cache_bytes": 1,
            "skipped": [],
            "budget_seconds": 1.0,
            "seconds": 1.0,
        }
    )


MEASURED = [ceilings(1e9, 1e9), ceilings(2e9, 0.5e9), ceilings(9e9, 0.8e9, "bfloat16")]


def variant(
    name: str,
    cost: Cost | None,
    seconds: float | None,
    direction: str = "inference",
    operators: int | None = None,
    **config: object,
) -> list[Record]:
    """What a part's records say of it; without a time it has failed, without a cost as well."""
    subject = Subject(
        kind="layer",
        name=name,
        config={
            "case": "only",
            "batch": 1,
            "shape": [1],
            "device": "cpu",
            "threads": 1,
            "dtype": "float32",
            "direction": direction,
            "layout": "contiguous",
            "compile": False,
            "backend": "Mkldnn",
        }
        | config,
    )

    def make(measure: Measure, value: float | None, **fields: object) -> Record:
        protocol = ProtocolRef(name="made up", fingerprint="0")
        known: dict[str, Any] = {
            "subject": subject,
            "measure": measure,
            "protocol": protocol,
            "environment": "e",
            "run": "r",
        }
        if value is None:
            return Record(**known, status="oom", reason="no memory")
        return Record(**known | {"value": value, "no_interval": "made up"} | fields)

    latency: dict[str, Any] = {}
    if seconds is not None:
        latency = {"low": seconds * 0.8, "high": seconds * 1.25, "level": 0.95, "no_interval": "", "n": 7}
    flops = None
    if cost is not None:
        flops = cost.backward_flops if direction == "backward" else cost.forward_flops
    latency["details"] = {"operators": operators}
    details = {} if cost is None else cost.model_dump()
    return [
        make(LATENCY, seconds, **latency),
        make(RATIO, None if seconds is None else seconds / 2, details={"verdict": "slower"}),
        make(FLOPS, flops, details=details | {"part": {}}),
    ]


def predicted(*records: list[Record]) -> dict[tuple[str, str], Record]:
    made = prediction_records([one for each in records for one in each], "base", MEASURED)
    return {(record.subject.name, record.measure.name): record for record in made}


def test_the_highest_of_each_ceiling_counts() -> None:
    best = highest(MEASURED, "float32")
    assert (best.flops_per_second, best.bytes_per_second) == (2e9, 1e9)
    assert highest(MEASURED, "bfloat16").flops_per_second == 9e9
    with pytest.raises(UsageError, match="no ceilings of float16"):
        highest(MEASURED, "float16")


def test_backward_moves_every_gradient_and_once_more_what_was_kept_and_the_weights() -> None:
    clip, kernel = 2 * 3 * 5 * 7 * 7, 3 * 4 * 27
    conv = convolution(2, (5, 7, 7), (3, 4), (3, 3, 3), bias=False, itemsize=2)
    given, made = clip, clip // 3 * 4
    assert traffic(conv, "inference", 2) == traffic(conv, "forward", 2) == 2 * (given + made + kernel)
    # read: the gradient of the output, the input, the weights; written: the gradients of input and weights
    assert traffic(conv, "backward", 2) == 2 * (made + given + kernel + given + kernel)
    assert traffic(conv, "forward+backward", 2) == 2 * (given + made + kernel) + 2 * (made + 2 * given + 2 * kernel)
    assert [copies(COST, direction) for direction in ("forward", "backward", "forward+backward")] == [5e7, 5e7, 1e8]


def test_predicted_time_and_efficiency() -> None:
    made = predicted(variant("base", COST, 2.0))
    time, efficiency = made["base", "predicted_time"], made["base", "efficiency"]
    assert time.value == 1.0  # 2 GFLOP at 2 GFLOP/s; 0.1 GB at 1 GB/s would be 0.1 s
    assert (time.details["bound"], time.details["copy_bytes"]) == ("compute", 50_000_000)
    assert time.details["intensity"] == 20
    assert (efficiency.value, efficiency.n, efficiency.level) == (0.5, 7, 0.95)
    assert (efficiency.low, efficiency.high) == pytest.approx((0.4, 0.625))
    assert "reasons" not in efficiency.details
    assert efficiency.subject == time.subject


def test_a_backward_pass_has_flops_and_bytes_of_its_own() -> None:
    moving = COST.model_copy(update={"backward_flops": 2_000})
    time = predicted(variant("base", moving, 2.0, "backward"))["base", "predicted_time"]
    assert time.details["bytes"] == 130_000_040
    assert time.value == pytest.approx(0.13)
    assert time.details["bound"] == "memory"
    assert time.details["seconds_with_copies"] == pytest.approx(0.18)


def test_what_falls_short_is_explained_in_the_record_and_under_the_table() -> None:
    half = COST.model_copy(update={"forward_flops": 1_000_000_000})
    all_records = [variant("base", COST, 2.0), variant("half", half, 2.5, backend="Slow3d + Slow2d")]
    made = predicted(*all_records)
    details = made["half", "efficiency"].details
    assert details["baseline"] == "base"
    assert details["predicted_speedup"] == pytest.approx(2)
    assert details["achieved_speedup"] == pytest.approx(1 / 1.25)
    assert [reason["rule"] for reason in details["reasons"]] == ["backends"]
    assert "half ran through Slow3d + Slow2d at 20% of its bound" in details["reasons"][0]["text"]
    (table,) = tables([*all_records[0], *all_records[1], *made.values()])
    assert [list(column.cells) for column in table.columns if column.header == "of bound"] == [
        ["50% compute", "20% compute"]
    ]
    assert str(table.caption).startswith("half: predicted 2 x, achieved 0.8 x; backends differ: half ran through")


def test_copies_of_what_is_compiled_are_not_known() -> None:
    base, moving = (COST.model_copy(update={"copy_bytes": size}) for size in (0, 500_000_000))
    for compiled, rules in ((False, ["copies"]), (True, ["unexplained"])):
        made = predicted(variant("base", base, 2.0), variant("moves", moving, 3.0, compile=compiled))
        assert [reason["rule"] for reason in made["moves", "efficiency"].details["reasons"]] == rules


def test_operators_that_take_longer_to_dispatch_than_to_run_are_a_reason() -> None:
    tiny = COST.model_copy(update={"forward_flops": 2_000, "min_bytes": 3_000})  # 3 us, and 1 us to dispatch each
    for count, rules in ((4, ["launch"]), (2, ["unexplained"]), (None, ["unexplained"])):
        made = predicted(variant("base", COST, 2.0), variant("tiny", tiny, 1e-3, operators=count))
        reasons = made["tiny", "efficiency"].details["reasons"]
        assert [reason["rule"] for reason in reasons if reason["rule"] != "memory"] == rules


def test_more_than_the_ceiling_is_shown_with_a_note() -> None:
    records = variant("base", COST, 0.5)
    efficiency = predicted(records)["base", "efficiency"]
    assert efficiency.value == 2.0
    assert efficiency.details["note"] == ABOVE
    (table,) = tables([*records, efficiency])
    assert "200% compute" in [cell for column in table.columns for cell in column.cells]
    assert str(table.caption) == f"base: {ABOVE}"


def test_what_was_not_measured_says_why() -> None:
    made = predicted(variant("base", COST, None), variant("late", None, None), variant("ok", COST, 2.0))
    assert made["base", "predicted_time"].value == 1.0
    assert (made["base", "efficiency"].status, made["base", "efficiency"].reason) == ("oom", "no memory")
    assert {made["late", measure].status for measure in ("predicted_time", "efficiency")} == {"oom"}
    assert made["ok", "efficiency"].value == 0.5
    assert "reasons" not in made["ok", "efficiency"].details  # nothing to compare with


def test_without_bytes_nothing_is_predicted() -> None:
    made = predicted(variant("base", COST.model_copy(update={"min_bytes": 0, "copy_bytes": 0}), 2.0))
    assert {record.status for record in made.values()} == {"skipped"}
    assert all("at least one byte" in record.reason for record in made.values())
