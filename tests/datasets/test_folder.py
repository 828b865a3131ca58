"""Finding videos: any layout, any file system order, the same list."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vidgauge.datasets import write_video
from vidgauge.datasets.folder import list_videos, scan
from vidgauge.errors import UsageError


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def test_a_flat_folder_is_sorted_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "b.mp4", "a10.avi", "a2.AVI", "Z.gif", "ä.webm", "n.npy", "m.npz", "k.mkv", "q.mov")
    entries = list_videos(tmp_path)
    assert [entry.id for entry in entries] == [
        "Z.gif", "a10.avi", "a2.AVI", "b.mp4", "k.mkv", "m.npz", "n.npy", "q.mov", "ä.webm",
    ]  # fmt: skip
    assert all(entry.path == tmp_path / entry.id and entry.label is None for entry in entries)


def test_class_folders_give_labels(tmp_path: Path) -> None:
    touch(tmp_path, "Run/b.avi", "Jump/a.avi", "Jump/a.mp4", "top.avi", "split/Run/c.avi")
    assert [(entry.id, entry.label) for entry in list_videos(tmp_path)] == [
        ("Jump/a.avi", "Jump"),
        ("Jump/a.mp4", "Jump"),
        ("Run/b.avi", "Run"),
        ("split/Run/c.avi", "Run"),
        ("top.avi", None),
    ]


def test_folders_of_images_are_videos(tmp_path: Path) -> None:
    touch(tmp_path, "Jump/one/0.png", "Jump/one/1.png", "Jump/two/0.jpg", "mixed/0.png", "mixed/notes.txt", "a.mp4")
    listing = scan(tmp_path)
    assert [(entry.id, entry.label) for entry in listing.entries] == [
        ("Jump/one", "Jump"),
        ("Jump/two", "Jump"),
        ("a.mp4", None),
    ]
    assert dict(listing.ignored) == {".png": 1, ".txt": 1}


def test_one_folder_of_images_is_one_video(tmp_path: Path) -> None:
    touch(tmp_path, "clip/0.png", "clip/1.png")
    assert [(entry.id, entry.label) for entry in list_videos(tmp_path / "clip")] == [("clip", None)]


def test_one_file_is_one_video(tmp_path: Path) -> None:
    touch(tmp_path, "deep/clip.mp4")
    (entry,) = list_videos(tmp_path / "deep" / "clip.mp4")
    assert (entry.id, entry.label) == ("clip.mp4", None)


def test_what_is_no_video_is_counted_and_hidden_files_are_not(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "prompts.csv", "sub/more.csv", "LICENSE", "._a.mp4", ".cache/b.mp4")
    listing = scan(tmp_path)
    assert [entry.id for entry in listing.entries] == ["a.mp4"]
    assert dict(listing.ignored) == {".csv": 2, "without extension": 1}


@pytest.mark.parametrize("name", ["nothing", "notes.txt", "absent"])
def test_nothing_found_says_where_and_what_would_do(tmp_path: Path, name: str) -> None:
    (tmp_path / "nothing").mkdir()
    touch(tmp_path, "notes.txt")
    with pytest.raises(UsageError, match=rf"{name}: .*video") as caught:
        list_videos(tmp_path / name)
    assert name == "absent" or ".mp4" in str(caught.value)


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    touch(tmp_path, "real/a.mp4", "real/sub/b.mp4")
    root = tmp_path / "root"
    root.mkdir()
    (root / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "sub" / "up").symlink_to(tmp_path / "real")
    (root / "self").symlink_to(root)
    (root / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    assert [entry.id for entry in list_videos(root)] == ["gone.mp4", "linked/a.mp4", "linked/sub/b.mp4"]


def test_what_write_video_writes_is_found(tmp_path: Path, pattern: Callable[..., torch.Tensor]) -> None:
    for name in ("a.mkv", "b.npy", "c"):
        write_video(tmp_path / name, pattern(2), 8)
    assert [entry.id for entry in list_videos(tmp_path)] == ["a.mkv", "b.npy", "c"]
