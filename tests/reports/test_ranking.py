from collections.abc import Callable
from typing import Any

import pytest

from vidgauge.environment import Environment
from vidgauge.record import ProtocolRef, Record
from vidgauge.reports.ranking import standings

Make = Callable[..., Record]


def rank(records: list[Record]) -> list[str]:
    return [standing.rank for standing in standings(records)]


def test_places_count_values_and_equal_values_share_one(make_record: Make) -> None:
    scores = [make_record("is", value, name=f"set-{index}") for index, value in enumerate((4.0, 5.0, 5.0, 3.0))]
    lone = make_record("fvd", 1.0)
    missing = make_record("is", None, name="none")
    assert [standing.place for standing in standings([*scores, lone, missing])] == [2, 1, 1, 3, 0, 0]


def test_places_are_counted_for_each_fingerprint_apart(make_record: Make) -> None:
    other = ProtocolRef(name="fvd.shapes", fingerprint="bbbbbbbbbbbbbbbb")
    ours = [make_record("fvd", value, name=f"a{value}") for value in (3.0, 1.0, 2.0)]
    theirs = [make_record("fvd", value, name=f"b{value}", protocol=other) for value in (0.1, 0.2)]
    assert [standing.place for standing in standings([*ours, *theirs])] == [3, 1, 2, 1, 2]


def test_best_ties_and_the_rest(make_record: Make) -> None:
    values = [(10.0, 1.0), (11.5, 1.0), (20.0, 1.0)]
    records = [
        make_record("fvd", value, half_width=width, name=f"set-{index}") for index, (value, width) in enumerate(values)
    ]
    assert rank(records) == ["best", "tied", ""]


def test_higher_is_better_where_the_measure_says_so(make_record: Make) -> None:
    assert rank([make_record("is", 4.0, name="a"), make_record("is", 5.0, name="b")]) == ["", "best"]


def test_a_value_without_an_interval_counts_as_a_point(make_record: Make) -> None:
    point, near = make_record("fvd", 10.0, name="a"), make_record("fvd", 10.1, name="b")
    wide = make_record("fvd", 12.0, half_width=5.0, name="c")
    assert rank([point, near, wide]) == ["best", "", "tied"]


@pytest.mark.parametrize(
    "change",
    [
        {"protocol": ProtocolRef(name="fvd.shapes", fingerprint="bbbbbbbbbbbbbbbb")},
        {"protocol": ProtocolRef(name="fvd.other", fingerprint="aaaaaaaaaaaaaaaa")},
        {"config": {"real": ["another/real"], "generated": ["b"]}},
        {"kind": "system"},
    ],
)
def test_another_protocol_or_task_is_another_contest(make_record: Make, change: dict[str, Any]) -> None:
    assert rank([make_record("fvd", 10.0, name="a"), make_record("fvd", 5.0, name="b", **change)]) == ["", ""]


def test_scores_are_ranked_across_environments_but_times_are_not(
    make_record: Make, other_environment: Environment
) -> None:
    elsewhere = other_environment.fingerprint
    scores = [make_record("fvd", 10.0, name="a"), make_record("fvd", 5.0, name="b", environment=elsewhere)]
    assert rank(scores) == ["", "best"]
    for measure in ("latency", "peak_memory", "throughput"):
        slow, fast = make_record(measure, 10.0, name="a"), make_record(measure, 5.0, name="b", environment=elsewhere)
        assert rank([slow, fast]) == ["", ""]


def test_nothing_is_best_alone_or_among_equals_or_where_no_way_is_better(make_record: Make) -> None:
    assert rank([make_record("fvd", 1.0)]) == [""]
    assert rank([make_record("fvd", 1.0, name="a"), make_record("fvd", 1.0, name="b")]) == ["", ""]
    assert rank([make_record("parameters", 1.0, name="a"), make_record("parameters", 2.0, name="b")]) == ["", ""]
    assert rank([make_record("fvd", 1.0, name="a"), make_record("fvd", None, name="b")]) == ["", ""]


def test_layers_of_one_case_are_rivals_whatever_their_backend_and_arguments(layer_records: Callable[..., Any]) -> None:
    slow = layer_records("conv3d", 1.0, 1.0, layer_config={"channels": 8})
    fast = layer_records("window_attention", 1.0, 0.5, backend="flash", layer_config={"heads": 4})
    other_batch = layer_records("conv2plus1d", 1.0, 0.1, batch=2)
    ranks = rank([records[0] for records in (slow, fast, other_batch)])
    assert ranks == ["", "best", ""]
