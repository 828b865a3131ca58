"""The demo's study: damage shows in the measure that should see it."""

from pathlib import Path

import pytest

from vidgauge.bench.studies.demo import STAND_INS, count_videos, score_videos, write_videos
from vidgauge.cli import run
from vidgauge.store import Store

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], float]:
    folder = tmp_path_factory.mktemp("demo")
    (folder / "real").mkdir()
    (folder / "real" / "moving-shapes-0-000000.mkv").write_bytes(b"left by an earlier tour")
    assert len(list(write_videos(folder, clips=12))) == count_videos(12) == 12 * (1 + len(STAND_INS))
    steps: list[tuple[str, int, int]] = []
    with Store(folder / "s.sqlite") as store:
        records = score_videos(folder, store, lambda *step: steps.append(step))
        assert list(store) == records
    assert steps[-1] == (STAND_INS[-1].name, 53, 53)  # 24 files read and looked at, five protocols
    assert all((record.n, record.n_failed) == (12, 0) and record.low is not None for record in records)
    return {(record.subject.name, record.measure.name): record.value or 0.0 for record in records}


def test_fresh_videos_are_nearest_to_the_real_ones(values: dict[tuple[str, str], float]) -> None:
    for measure in ("fvd", "kvd"):
        assert min(STAND_INS, key=lambda damage: values[damage.name, measure]).name == "fresh"


def test_still_videos_are_consistent_and_tell_no_motion(values: dict[tuple[str, str], float]) -> None:
    assert values["frozen", "frame-consistency"] == pytest.approx(1)
    assert values["shuffled", "frame-consistency"] < values["fresh", "frame-consistency"]
    assert values["frozen", "is"] < values["fresh", "is"] / 2


def test_damage_to_time_alone_does_not_change_what_frames_show(values: dict[tuple[str, str], float]) -> None:
    assert values["shuffled", "clipsim"] == pytest.approx(values["fresh", "clipsim"], abs=1e-6)
    assert values["noisy", "clipsim"] < values["fresh", "clipsim"]


@pytest.mark.slow
def test_the_whole_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--out", str(tmp_path)]) == 0
    assert str(tmp_path / "report" / "index.html") in capsys.readouterr().out.replace("\n", "")
