"""A data set by its name and root, scored as the same files in a folder are."""

import csv
from pathlib import Path

import pytest

from vidgauge.datasets import write_video
from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.errors import VidgaugeError
from vidgauge.metrics import score


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``real`` and ``made``, and a table of both where each is a split and one more is absent."""
    folder = tmp_path_factory.mktemp("videos")
    rows = [("gone.mkv", "made")]
    for name, seed in (("real", 31), ("made", 32)):
        for sample in MovingShapes(frames=16, height=32, width=32, seed=seed, count=6):
            write_video(folder / name / f"{sample.id}.mkv", sample.frames_thwc, sample.fps)
            rows.append((f"{name}/{sample.id}.mkv", name))
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "split"), *rows])
    return folder


def test_a_data_set_is_scored_as_its_files_are(videos: Path) -> None:
    (of_set,) = score(f"manifest@{videos}:real", f"manifest@{videos}:made", ["kvd.shapes"], workers=0)
    (of_folders,) = score(videos / "real", videos / "made", ["kvd.shapes"], workers=0)
    assert of_set.value == of_folders.value
    assert of_set.subject.name == f"{videos.name}/made"
    assert of_set.subject.config["real"] == [f"manifest@{videos}:real"]
    assert any("/made: 1 of the videos (gone.mkv): not on disk" in note for note in of_set.details["notes"])
    assert not any("not on disk" in note for note in of_folders.details["notes"])


def test_strict_takes_only_whole_data_sets(videos: Path) -> None:
    with pytest.raises(VidgaugeError, match=r"gone\.mkv\): named by the lists, but not on disk"):
        score(f"manifest@{videos}:real", f"manifest@{videos}:made", ["kvd.shapes"], workers=0, strict=True)
