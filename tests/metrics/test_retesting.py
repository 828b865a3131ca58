"""Records of different runs, tested as if they had been made side by side."""

from pathlib import Path
from typing import Any

import pytest
from scipy.stats import ttest_rel

from vidgauge.datasets import write_video
from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.metrics import score
from vidgauge.metrics.retesting import Retested, retest
from vidgauge.record import Record

PROTOCOLS = ["fvd.shapes", "is.shapes", "psnr.torchmetrics"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for name, seed, darker in (("real", 1, 0), ("base", 2, 0), ("mine", 2, 9)):
        for number, sample in enumerate(MovingShapes(frames=16, height=32, width=32, seed=seed, count=12)):
            write_video(folder / name / f"{number}.npy", sample.frames_thwc.clamp(min=darker), sample.fps)
    return folder


@pytest.fixture(scope="module")
def runs(folder: Path) -> list[list[Record]]:
    cache = folder / "cache"
    return [score(folder / "real", folder / name, PROTOCOLS, cache=cache, workers=0) for name in ("base", "mine")]


def changed(record: Record, **details: Any) -> Record:  # noqa: ANN401 - whatever a record holds
    return record.model_copy(update={"details": record.details | details})


def test_it_says_what_a_score_of_both_at_once_says(folder: Path, runs: list[list[Record]]) -> None:
    at_once = score(
        folder / "real", folder / "mine", PROTOCOLS, versus=folder / "base", cache=folder / "cache", workers=0
    )
    differences = [record for record in at_once if record.measure.name.endswith("-difference")]
    found = retest(list(zip(*runs, strict=True)), cache=folder / "cache")
    for record, one in zip(differences, found, strict=False):
        assert isinstance(one, Retested)
        assert one.difference.value == pytest.approx(record.value, rel=1e-9)
        assert one.difference.p == pytest.approx(record.details["p"], rel=1e-9)
        assert (one.difference.interval.low, one.difference.interval.high) == pytest.approx((record.low, record.high))


def test_numbers_of_single_videos_are_in_the_records_and_need_no_videos(runs: list[list[Record]]) -> None:
    base, mine = (run[2].details["values"] for run in runs)
    assert list(base) == list(mine)
    assert len(base) == 12
    (found,) = retest([(runs[0][2], runs[1][2])], cache=False)
    assert isinstance(found, Retested)
    oracle = ttest_rel([mine[name][0] for name in base], [base[name][0] for name in base])
    assert found.difference.interval.standard_error == pytest.approx(abs(found.difference.value / oracle.statistic))
    assert found.difference.p is not None
    assert found.difference.p >= 0.99 * oracle.pvalue  # heavy tails have fewer degrees of freedom, never more
    assert found.difference.value == pytest.approx((runs[1][2].value or 0) - (runs[0][2].value or 0))
    assert found.rests_on == "the 12 videos that both have"


def test_only_videos_that_both_have_count(runs: list[list[Record]]) -> None:
    values = runs[1][2].details["values"]
    fewer = changed(runs[1][2], values=dict(list(values.items())[1:]) | {"another": [99.0]})
    (found,) = retest([(runs[0][2], fewer)], cache=False)
    assert isinstance(found, Retested)
    assert found.rests_on == "the 11 videos that both have"
    assert abs(found.difference.value) < 1
    (why,) = retest([(runs[0][2], changed(runs[1][2], values={"another": [99.0]}))], cache=False)
    assert why == "no video of one has its like, by name, in the other"


def test_it_says_why_there_can_be_no_paired_test(folder: Path, runs: list[list[Record]], tmp_path: Path) -> None:
    base, mine = runs[0][0], runs[1][0]
    elsewhere = base.model_copy(
        update={"subject": base.subject.model_copy(update={"config": base.subject.config | {"real": ["other"]}})}
    )
    swapped = mine.model_copy(update={"subject": base.subject})
    protocol = base.details["protocol"]
    for first, second, said in (
        (base, elsewhere, "the real videos lie at different paths"),
        (base, swapped, "other videos than those that were scored lie in"),
        (changed(base, protocol={}), mine, "this version does not know the protocol"),
        (changed(base, protocol=protocol | {"resize": "squash:bilinear"}), mine, "the protocol is another one"),
    ):
        (why,) = retest([(first, second)], cache=folder / "cache")
        assert isinstance(why, str)
        assert said in why
    (why,) = retest([(base, mine)], cache=tmp_path / "none")
    assert why == f"features of 24 videos are not in the cache {tmp_path / 'none'}"
    assert retest([(base, mine)], cache=False) == ["features are not read"]
