"""Predictions and reasons under round ceilings: 100 GFLOP/s, 10 GB/s, so a ridge at 10 FLOP/B, and 5 us an operator."""

import pytest

from vidgauge.bench.ceilings.result import Ceilings, Rate
from vidgauge.bench.roofline import Achieved, Explanation, efficiency, explain, predict
from vidgauge.errors import UsageError

CEILINGS = Ceilings(
    device="cpu",
    dtype="float32",
    threads=1,
    compute=[
        Rate(candidate="slow", work=1, per_second=30e9, seconds=[1.0]),
        Rate(candidate="fast", work=1, per_second=100e9, seconds=[1.0]),
    ],
    bandwidth=[Rate(candidate="copy", work=1, per_second=10e9, seconds=[1.0])],
    overhead_seconds=5e-6,
    array_bytes=4,
    cache_bytes=1,
    skipped=[],
    budget_seconds=1.0,
    seconds=1.0,
)


def ran(name: str, gigaflops: float, gigabytes: float, seconds: float, **fields: object) -> Achieved:
    prediction = predict(round(gigaflops * 1e9), round(gigabytes * 1e9), CEILINGS)
    return Achieved.model_validate({"name": name, "prediction": prediction, "seconds": seconds, **fields})


def rules(explanation: Explanation) -> list[str]:
    return [reason.rule for reason in explanation.reasons]


BASELINE = ran("full", 200, 1, 4.0, backends=["Mkldnn"])  # bound to 2 s: at half its bound


@pytest.mark.parametrize(
    ("flops", "size", "seconds", "bound"),
    [
        (200e9, 10e9, 2.0, "compute"),
        (50e9, 10e9, 1.0, "memory"),
        (100e9, 10e9, 1.0, "compute"),  # on the ridge
        (0, 20e9, 2.0, "memory"),
    ],
)
def test_the_longer_of_computing_and_moving_binds(flops: float, size: float, seconds: float, bound: str) -> None:
    prediction = predict(int(flops), int(size), CEILINGS)
    assert prediction.seconds == pytest.approx(seconds)
    assert prediction.bound == bound
    assert prediction.intensity == pytest.approx(flops / size)
    assert prediction.ridge == pytest.approx(10)
    assert efficiency(prediction, 4.0) == pytest.approx(seconds / 4)


def test_what_cannot_be_predicted_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one byte"):
        predict(10, 0, CEILINGS)
    with pytest.raises(UsageError, match="not positive"):
        efficiency(predict(1, 1, CEILINGS), 0.0)


def test_an_achieved_prediction_needs_no_reason() -> None:
    found = explain(BASELINE, ran("half", 100, 1, 2.1, backends=["Slow3d"], layout="channels_last_3d"))
    assert found.predicted == pytest.approx(2)
    assert found.achieved == pytest.approx(4 / 2.1)
    assert found.reasons == []


def test_another_backend_is_named_with_both_efficiencies() -> None:
    found = explain(BASELINE, ran("half", 100, 1, 4.0, backends=["Slow3d", "Slow3d", "Slow2d"]))
    assert rules(found) == ["backends"]
    expected = "half ran through Slow3d + Slow2d at 25% of its bound, full ran through Mkldnn at 50% of its bound"
    assert found.reasons[0].text == f"backends differ: {expected}"


def test_backends_that_are_not_known_do_not_differ() -> None:
    assert rules(explain(BASELINE, ran("half", 100, 1, 4.0))) == ["unexplained"]


def test_another_layout_is_named() -> None:
    found = explain(BASELINE, ran("half", 100, 1, 4.0, backends=["Mkldnn"], layout="channels_last_3d"))
    assert rules(found) == ["layout"]
    assert "half ran in channels_last_3d, full in contiguous" in found.reasons[0].text


@pytest.mark.parametrize(
    ("ours", "theirs", "found"),
    [
        (4_000_000_000, 0, ["copies"]),
        (900_000_000, 0, ["unexplained"]),  # 0.09 s beside 1 s
        (4_000_000_000, 4_000_000_000, ["unexplained"]),
        (4_000_000_000, None, ["unexplained"]),
        (None, 4_000_000_000, ["unexplained"]),
    ],
)
def test_more_copies_than_the_baseline_are_counted(ours: int | None, theirs: int | None, found: list[str]) -> None:
    baseline = ran("full", 200, 1, 4.0, copy_bytes=theirs)
    explanation = explain(baseline, ran("half", 100, 1, 4.0, copy_bytes=ours))
    assert rules(explanation) == found
    if found == ["copies"]:
        assert "half moves 4e+03 MB" in explanation.reasons[0].text
        assert "at least 400 ms beside the predicted 1e+03 ms; full 0 MB" in explanation.reasons[0].text


def test_less_work_than_dispatching_it_is_launch_bound() -> None:
    small = ran("tiny", 2e-3, 1e-6, 50e-6, operators=6)  # 20 us of work, 30 us of dispatching
    found = explain(BASELINE, small)
    assert rules(found) == ["launch"]
    assert "predicted to take 20 us, but to dispatch its 6 operators 30 us" in found.reasons[0].text
    assert rules(explain(BASELINE, small.model_copy(update={"operators": 4}))) == ["unexplained"]


def test_bytes_that_eat_up_the_saving_in_flops_are_named_whatever_was_achieved() -> None:
    variant = ran("windows", 5, 10, 2.0)  # 40 times fewer FLOPs, but 1 s of traffic
    found = explain(BASELINE, variant)
    assert found.predicted == found.achieved == pytest.approx(2)
    assert rules(found) == ["memory"]
    assert found.reasons[0].text == (
        "memory-bound: windows does 40 times fewer FLOPs, but its bytes allow a speed-up of 2 "
        "(0.5 FLOP/B, below the ridge at 10)"
    )


def test_no_flops_at_all_are_memory_bound_too() -> None:
    assert "does no FLOPs" in explain(BASELINE, ran("copy", 0, 10, 2.0)).reasons[0].text


def test_a_baseline_that_was_as_bound_by_bytes_is_no_reason() -> None:
    assert rules(explain(ran("wide", 10, 10, 1.0), ran("narrow", 5, 5, 0.5))) == []


def test_more_than_predicted_says_that_the_baseline_was_slow() -> None:
    found = explain(BASELINE, ran("half", 100, 1, 1.25, backends=["Slow3d"]))
    assert rules(found) == ["above", "backends"]
    expected = "the baseline ran at lower efficiency (half at 80% of its bound, full at 50%)"
    assert found.reasons[0].text == f"above the bound: {expected}"


@pytest.mark.parametrize(("seconds", "found"), [(2.19, []), (2.21, ["unexplained"]), (1.83, []), (1.81, ["above"])])
def test_ten_percent_either_way_is_as_predicted(seconds: float, found: list[str]) -> None:
    assert rules(explain(BASELINE, ran("half", 100, 1, seconds))) == found
