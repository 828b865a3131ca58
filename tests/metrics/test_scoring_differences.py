"""What sets two sets apart besides their content stands beside every distance between them, and nowhere else."""

from pathlib import Path

import pytest

from vidgauge.datasets import write_video
from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.metrics import score

PROTOCOLS = ["fvd.shapes", "is.shapes"]


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    for name, fps, suffix in (("real", 8, ".mkv"), ("like", 8, ".mkv"), ("unlike", 4, ".npy")):
        for sample in MovingShapes(frames=16, height=24, width=24, seed=len(name), count=3):
            write_video(tmp_path / name / f"{sample.id}{suffix}", sample.frames_thwc, fps)
    return tmp_path


def apart(videos: Path, generated: str) -> list[list[str]]:
    records = score(videos / "real", videos / generated, PROTOCOLS, workers=0)
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
