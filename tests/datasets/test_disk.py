"""What lists name, found on disk in exactly these letters or others, and never outside the root."""

from pathlib import Path

import pytest

from vidgauge.datasets.disk import Disk


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a/b.avi", "A/c.avi", "Deep/Inside/ONE.AVI", "x.mp4", "X.MP4", "etc/passwd", "ß.mp4"):
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).touch()
    (tmp_path / "outside.mp4").touch()
    (tmp_path / "root" / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    return tmp_path / "root"


@pytest.mark.parametrize(
    ("places", "found"),
    [
        (["a/b.avi"], "a/b.avi"),
        (["A/c.avi"], "A/c.avi"),
        (["deep/inside/one.avi"], "Deep/Inside/ONE.AVI"),
        (["X.mp4", "x.mp4"], "x.mp4"),  # exact in the second place beats other letters in the first
        (["x.MP4"], "x.mp4"),  # of several the one in small letters
        (["./x.mp4"], "x.mp4"),
        (["SS.mp4"], "ß.mp4"),
        (["gone.mp4"], "gone.mp4"),  # reading it will say what is wrong
        (["none.mp4", "a/b.avi"], "a/b.avi"),
        (["a"], "a"),
        (["a/b.avi/c"], None),
        (["../outside.mp4"], None),
        (["a/../../outside.mp4"], None),
        (["/etc/passwd"], None),
        (["", ".", "..", "/", "a/"], None),
        ([], None),
        (["a\0b"], None),
    ],
)
def test_places(root: Path, places: list[str], found: str | None) -> None:
    assert Disk(root).find(places) == (None if found is None else root / found)
