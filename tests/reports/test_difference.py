"""Verdicts on what changed between two runs, and which records are put side by side."""

import math
from typing import Any

import numpy as np
import pytest

from vidgauge.record import ProtocolRef, Record
from vidgauge.reports.difference import Change, Contrast, holm, is_judged, judge, standard_error, unpaired
from vidgauge.reports.difference_matching import match

Make = Any


def contrast(difference: float, error: float, p: float) -> Contrast:
    return Contrast(
        difference, difference - 2 * error, difference + 2 * error, 0.95, p, paired=True, rests_on="features"
    )


def verdicts(before: Record, *tests: Contrast, threshold: float = 0.01) -> list[str]:
    after = before.model_copy(update={"value": 1.0})
    return [change.verdict for change in judge([(before, after)] * len(tests), tests, threshold)]


def test_holm_is_what_stepping_down_by_hand_gives() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        chances = list(rng.random(rng.integers(1, 7)) ** 3)
        corrected = holm(chances)
        for level in (0.01, 0.05, 0.2):
            rejected: set[int] = set()
            for step, place in enumerate(np.argsort(chances)):  # until the first that is not small enough
                if chances[place] > level / (len(chances) - step):
                    break
                rejected.add(int(place))
            assert {place for place, p in enumerate(corrected) if p is not None and p <= level} == rejected
    assert holm([0.01, None, 0.04]) == [0.02, None, 0.04]
    assert holm([]) == []


def test_verdicts_follow_test_and_threshold(make_record: Make) -> None:
    fvd = make_record("fvd", 100.0, half_width=5)
    sure = contrast(20, 1, 1e-6)
    assert verdicts(fvd, sure) == ["worse"]
    assert verdicts(fvd, contrast(-20, 1, 1e-6)) == ["better"]
    assert verdicts(make_record("is", 100.0, half_width=5), sure) == ["better"]
    assert verdicts(fvd, contrast(0.5, 0.1, 1e-6)) == ["equal"]
    assert verdicts(fvd, contrast(0.9, 0.3, 1e-3)) == ["undecided"]  # sure to differ, perhaps by more than matters
    assert verdicts(fvd, contrast(5, 4, 0.2)) == ["undecided"]
    assert verdicts(fvd, sure, threshold=0.5) == ["equal"]


def test_many_scores_are_corrected_together(make_record: Make) -> None:
    fvd = make_record("fvd", 100.0, half_width=5)
    lucky, nothing = contrast(20, 9, 0.02), contrast(20, 19, 0.3)
    assert verdicts(fvd, lucky) == ["worse"]
    assert verdicts(fvd, lucky, nothing, nothing) == ["undecided"] * 3


def test_what_has_no_test_is_undecided_and_what_has_no_value_any_more_broken(make_record: Make) -> None:
    before, few = make_record("fvd", 100.0, half_width=5), make_record("fvd", 120.0, no_interval="9 videos")
    (change,) = judge([(before, few)], [unpaired(before, few, "")])
    assert (change.verdict, change.why, change.p) == ("undecided", "no interval: 9 videos", None)
    (same,) = judge([(few, few)], [unpaired(few, few, "")])
    assert (same.verdict, same.fails) == ("equal", False)
    gone = make_record("fvd", None, reason="no weights")
    (broken,) = judge([(before, gone)], [None])
    assert (broken.verdict, broken.why, broken.fails) == ("broken", "failed: no weights", True)
    (mended,) = judge([(gone, before)], [None])
    assert (mended.verdict, mended.fails) == ("undecided", False)


def test_a_biased_measure_of_other_numbers_of_clips_has_no_verdict(make_record: Make) -> None:
    before, after = (
        make_record("fvd", 100.0, half_width=5, details={"extrapolated": {}, "n_real": 64, "n_generated": n})
        for n in (64, 32)
    )
    (change,) = judge([(before, after)], [contrast(20, 1, 1e-6)])
    assert (change.verdict, change.p) == ("undecided", None)
    assert change.why == "from 64 and 64 clips, then 64 and 32, and the measure's bias hangs on that"


def test_without_pairs_the_test_is_that_of_two_normal_variables(make_record: Make) -> None:
    a = make_record("fvd", 100.0, half_width=1.959963984540054 * 3)
    b = make_record("fvd", 110.0, half_width=9, details={"interval": {"standard_error": 4.0}})
    assert [standard_error(a), standard_error(b)] == pytest.approx([3, 4])
    test = unpaired(a, b, "no videos")
    assert test.p == pytest.approx(math.erfc(10 / 5 / math.sqrt(2)))
    assert test.low == pytest.approx(10 - 1.959963984540054 * 5)
    assert (test.paired, test.rests_on) == (False, "intervals alone, not paired: no videos")


def test_times_benchmarks_and_random_networks_are_not_judged(make_record: Make, layer_records: Any) -> None:  # noqa: ANN401
    assert is_judged(make_record("fvd"))
    assert not any(is_judged(record) for record in layer_records("conv3d", 1.0, 1.0))
    assert not is_judged(make_record("latency"))
    assert not is_judged(make_record("fvd", details={"protocol": {"random_weights": 3}}))


def config(real: str, generated: str) -> dict[str, Any]:
    return {"real": [real], "generated": [generated]}


def test_the_latest_of_the_same_subject_measure_and_fingerprint_are_compared(make_record: Make) -> None:
    old, other = make_record("fvd", 1.0), make_record("kvd", 3.0)
    new = make_record("fvd", 2.0, time=old.time.replace(hour=23))
    found = match([new, old], [make_record("fvd", 5.0), other])
    assert [(a.value, b.value) for a, b in found.pairs] == [(2.0, 5.0)]
    assert (found.only_before, found.only_after, found.renamed) == ([], [other], [])


def test_sets_may_lie_elsewhere_and_lone_sets_be_called_otherwise(make_record: Make) -> None:
    here = [make_record("fvd", name=name, config=config("/a/real", f"/a/{name}")) for name in ("x", "y")]
    there = [make_record("fvd", name=name, config=config("/b/real", f"/b/{name}")) for name in ("x", "z")]
    found = match(here, there)
    assert [(a.subject.name, b.subject.name) for a, b in found.pairs] == [("x", "x")]
    lone = match(here[1:], there[1:])
    assert [(a.subject.name, b.subject.name) for a, b in lone.pairs] == [("y", "z")]
    assert lone.renamed == [("y", "z")]
    other_real = make_record("fvd", name="z", config=config("/b/another", "/b/z"))
    assert match(here[1:], [other_real]).pairs == []
    sets = [make_record("fvd", name="real", config={"real": [f"ucf101@{root}:test"]}) for root in ("/a/ucf", "/b/ucf")]
    assert len(match(sets[:1], sets[1:]).pairs) == 1


def test_namesakes_in_two_folders_are_not_taken_for_each_other(make_record: Make) -> None:
    here = [make_record("fvd", config=config("real", f"{folder}/samples")) for folder in ("a", "b")]
    assert len(match(here, here).pairs) == 2
    elsewhere = make_record("fvd", config=config("real", "c/samples"))
    assert match(here, [elsewhere]).pairs == []


def test_other_fingerprints_are_incomparable_and_say_what_differs(make_record: Make) -> None:
    protocol = {"name": "fvd.shapes", "clip": {"frames": 16}, "interval": {"level": 0.95}}
    before = make_record("fvd", details={"protocol": protocol})
    ref = ProtocolRef(name="fvd.shapes[frames=8]", fingerprint="b" * 16)
    after = make_record(
        "fvd", details={"protocol": protocol | {"clip": {"frames": 8}, "interval": {"level": 0.9}}}, protocol=ref
    )
    ((_, _, why),) = match([before], [after]).incomparable
    assert why == "clip.frames 16, then 8"
    same = make_record("fvd", details={"protocol": protocol}, protocol=ref)
    assert "weights" in match([before], [same]).incomparable[0][2]
    silent = make_record("fvd", protocol=ref)
    assert match([make_record("fvd")], [silent]).incomparable[0][2] == "the records do not say in what"


def test_changes_are_plain_data(make_record: Make) -> None:
    fvd = make_record("fvd", 100.0, half_width=5)
    (change,) = judge([(fvd, fvd)], [unpaired(fvd, fvd, "")])
    assert isinstance(change, Change)
    assert change.before is fvd
