"""What a score says beside its value: intervals by either way, extrapolation, tests, and the difference of two sets."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from vidgauge.metrics.confidence import of_sets
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.frechet import frechet_distance_of_features
from vidgauge.metrics.outcome import Outcome
from vidgauge.metrics.protocols import PROTOCOLS, IntervalRule, Protocol
from vidgauge.metrics.versus import differences
from vidgauge.record import Record, Subject

HOW = IntervalRule()


def clips(count: int, seed: int, shift: float = 0.0, dimension: int = 4, per_video: int = 1) -> Evidence:
    generator = np.random.default_rng(seed)
    of_video = np.repeat(generator.normal(size=(count // per_video, dimension)), per_video, axis=0)
    rows = (of_video + 0.3 * generator.normal(size=(count, dimension)) + shift).astype(np.float32)
    exponents = np.exp(rows - rows.max(axis=1, keepdims=True))
    names = [f"{clip // per_video}.mp4" for clip in range(count)]
    captions = [f"prompt {clip // per_video // 2}" for clip in range(count)]
    outputs = {"features_nd": rows, "probabilities_nk": exponents / exponents.sum(axis=1, keepdims=True)}
    return Evidence(outputs, [f"{seed}/{name}" for name in names], captions, names=names)


def measure(name: str) -> Protocol:
    return PROTOCOLS[name]


def test_an_interval_by_influence_is_that_of_the_bootstrap_where_sets_differ() -> None:
    sets = [clips(400, 1), clips(400, 2, shift=1.0)]
    for name, of_name in (("fvd.shapes", sets), ("kvd.shapes", sets), ("is.shapes", sets[1:])):
        rule = measure(name).rule
        value, found = of_sets(rule, HOW, of_name)
        again, drawn = of_sets(rule, IntervalRule(method="bootstrap", replicates=300), of_name)
        assert value == again
        assert (found.interval.method, drawn.interval.method) == ("influence", "bootstrap")
        assert found.interval.standard_error == pytest.approx(drawn.interval.standard_error, rel=0.15)
        assert found.interval.low is not None
        assert drawn.interval.low is not None
        assert found.interval.low == pytest.approx(drawn.interval.low, rel=0.1)
        assert found.details["interval"]["covers"] == "the expected value at this number of videos"


def test_few_clips_have_conservative_intervals_and_say_so() -> None:
    rule = measure("fvd.shapes").rule
    _, few = of_sets(rule, HOW, [clips(15, 1), clips(15, 2, 1.0)])
    assert few.details["interval"]["conservative"]
    assert any("conservative below 16 clips" in note for note in few.notes)
    _, enough = of_sets(rule, HOW, [clips(16, 1), clips(16, 2, 1.0)])
    assert "conservative" not in enough.details["interval"]
    _, none = of_sets(rule, HOW, [clips(9, 1), clips(16, 2)])
    assert none.interval.reason == "9 independent videos in a set; an interval needs at least 10"


def test_clips_of_a_video_and_videos_of_a_prompt_are_drawn_together() -> None:
    rule, sets = measure("fvd.shapes").rule, [clips(400, 1, per_video=4), clips(400, 2, shift=1.0, per_video=4)]
    errors = [
        of_sets(rule, how, of_how)[1].interval.standard_error or 0.0
        for how, of_how in (
            (HOW, [replace(one, sources=[str(clip) for clip in range(400)]) for one in sets]),
            (HOW, sets),
            (IntervalRule(draw="prompt"), sets),
        )
    ]
    assert errors[1] > 1.5 * errors[0]
    assert errors[2] != errors[1]


def test_a_distance_is_extrapolated_where_there_are_clips_enough() -> None:
    rule = measure("fvd.shapes").rule
    value, found = of_sets(rule, HOW, [clips(800, 1), clips(800, 2, shift=0.3)])
    far = found.details["extrapolated"]
    assert far["low"] < 4 * 0.3**2 < far["high"]
    assert far["value"] < value
    assert [point["parts"] for point in far["curve"]] == [1, 2, 4, 8]
    assert far["curve"][0]["value"] == pytest.approx(value, rel=1e-9)
    assert far["curve"][3]["value"] > far["curve"][0]["value"]
    _, few = of_sets(rule, HOW, [clips(12, 1), clips(12, 2)])
    assert "needs two parts of 8" in few.details["extrapolated"]["reason"]
    trials = rule.model_copy(update={"trials": 2})
    assert "extrapolated" not in of_sets(trials, HOW, [clips(80, 1), clips(80, 2)])[1].details


def test_a_permutation_test_tells_equal_from_different() -> None:
    how = IntervalRule(permutations=99)
    for name in ("fvd.shapes", "kvd.shapes"):
        rule = measure(name).rule
        for shift, equal in ((0.0, True), (1.0, False)):
            _, found = of_sets(rule, how, [clips(40, 3), clips(40, 4, shift)])
            assert (found.details["permutation"]["p"] > 0.05) == equal
            assert any(note.startswith("p = ") for note in found.notes)


def outcome(protocol: Protocol, sets: Sequence[Evidence]) -> Outcome:
    value, _ = of_sets(protocol.rule, protocol.interval, sets)
    sides = dict(zip(("real", "generated") if len(sets) == 2 else ("generated",), sets, strict=True))
    return Outcome({"value": value}, sides=sides)  # type: ignore[arg-type] # of literals


def of(name: str) -> Record:
    return Record(
        subject=Subject(kind="videos", name=name, config={"real": ["r"], "generated": [name]}),
        measure=measure("fvd.shapes").rule.measure, protocol=measure("fvd.shapes").ref, environment="e", run="r",
        status="failed", reason="a stand-in",
    )  # fmt: skip


def difference(a: Evidence, b: Evidence, name: str, permutations: int = 0) -> Record:
    protocol = measure(name).with_interval(permutations=permutations)
    real = [clips(300, 1)] if protocol.rule.compares else []
    both = [outcome(protocol, [*real, one]) for one in (a, b)]
    (record,) = differences([(protocol, both[0], both[1])], of("a"), of("b"))
    return record


def test_a_difference_is_surer_than_its_two_values() -> None:
    a = clips(300, 5, shift=0.5)
    slightly = np.random.default_rng(0).normal(0, 0.05, a.outputs["features_nd"].shape).astype(np.float32)
    b = replace(a, outputs={**a.outputs, "features_nd": np.asarray(a.outputs["features_nd"]) + slightly + 0.02})
    record = difference(a, b, "fvd.shapes", permutations=99)
    real = np.asarray(clips(300, 1).outputs["features_nd"])
    values = [frechet_distance_of_features(real, np.asarray(one.outputs["features_nd"])) for one in (a, b)]
    assert record.value == pytest.approx(values[0] - values[1], rel=1e-9)
    assert (record.subject.name, record.measure.name) == ("a - b", "fvd-difference")
    assert record.protocol.name == "fvd.shapes.difference"
    assert record.low is not None
    assert record.high is not None
    apart = sum((of_sets(measure("fvd.shapes").rule, HOW, [clips(300, 1), one])[1].interval.standard_error or 0) ** 2
                for one in (a, b)) ** 0.5  # fmt: skip
    assert record.high - record.low < 0.5 * 4 * apart  # the same reference and the same prompts
    assert record.high < 0
    assert record.details["p"] < 0.01
    assert record.details["permutation"]["p"] == 0.01


@pytest.mark.parametrize("name", ["fvd.shapes", "kvd.shapes", "is.shapes"])
def test_alike_sets_do_not_differ(name: str) -> None:
    record = difference(clips(300, 5), clips(300, 6), name)
    assert record.low is not None
    assert record.high is not None
    assert record.low < 0 < record.high
    assert record.details["p"] > 0.05
    (itself,) = [difference(clips(300, 5), clips(300, 5), name)]
    assert itself.value == 0
    assert itself.details["p"] > 0.99


def test_too_few_videos_have_a_difference_without_interval() -> None:
    record = difference(clips(5, 5), clips(5, 6), "fvd.shapes")
    assert record.value is not None
    assert "needs at least 10" in record.no_interval
