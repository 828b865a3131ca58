"""What sets two sets apart besides their content stands beside every distance between them, and nowhere else."""

import shutil
from pathlib import Path

import pytest

from vidgauge.datasets import comparison, write_video
from vidgauge.datasets.folder import Entry
from vidgauge.datasets.inspection import Inspection, glance_at_videos
from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.metrics import score

PROTOCOLS = ["fvd.shapes", "is.shapes"]


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    for name, fps, suffix in (("real", 8, ".mkv"), ("like", 8, ".mkv"), ("unlike", 4, ".npy")):
        for sample in MovingShapes(frames=16, height=24, width=24, seed=len(name), count=3):
            write_video(tmp_path / name / f"{sample.id}{suffix}", sample.frames_thwc, fps)
    return tmp_path


def apart(videos: Path, generated: str, cache: Path | None = None) -> list[list[str]]:
    records = score(videos / "real", videos / generated, PROTOCOLS, workers=0, cache=cache)
    return [[note for note in record.details["notes"] if " differ in " in note] for record in records]


def test_differences_are_notes_on_distances(videos: Path) -> None:
    of_distance, of_inception_score = apart(videos, "unlike")
    beginning = "real and generated videos differ in "
    assert (
        f"{beginning}codec: real 100 % ffv1; generated 100 % npy; a distance reacts to that as it does to content"
        in (of_distance)
    )
    assert any(note.startswith(f"{beginning}fps: real 100 % 8; generated 100 % unknown") for note in of_distance)
    assert of_inception_score == []


def test_sets_that_are_alike_have_no_such_notes(videos: Path) -> None:
    assert apart(videos, "like") == [[], []]


def test_files_that_were_decoded_are_not_opened_again_to_tell(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Entry] = []

    def glance(entries: list[Entry], workers: int) -> list[Inspection]:
        asked.extend(entries)
        return list(glance_at_videos(entries, workers))

    monkeypatch.setattr(comparison, "glance_at_videos", glance)
    told = apart(videos, "unlike", videos / "cache")
    assert not asked
    shutil.rmtree(videos / "cache" / "differences")
    assert apart(videos, "unlike", videos / "cache") == told
    assert len(asked) == 6
