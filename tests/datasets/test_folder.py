"""Finding videos: any layout, any file system order, the same list."""

import errno
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis.strategies import characters, text

from vidgauge.datasets import write_video
from vidgauge.datasets.folder import list_videos, scan
from vidgauge.datasets.names import printable
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


def test_a_link_that_leads_to_itself_is_listed(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    listing = scan(tmp_path)
    assert [entry.id for entry in listing.entries] == ["a.mp4", "loop.mp4"]
    assert dict(listing.ignored) == {"link to nowhere": 1}


def test_frames_that_are_links_to_nowhere_are_not_left_out_in_silence(tmp_path: Path) -> None:
    touch(tmp_path, "clip/0.png", "a.mp4")
    (tmp_path / "clip" / "1.png").symlink_to(tmp_path / "nowhere.png")
    assert [entry.id for entry in list_videos(tmp_path)] == ["a.mp4", "clip"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_sockets_and_devices_are_counted_and_never_opened(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "frames/0.png")
    os.mkfifo(tmp_path / "pipe.mp4")
    os.mkfifo(tmp_path / "frames" / "1.png")
    (tmp_path / "zero.avi").symlink_to("/dev/zero")
    listing = scan(tmp_path)
    assert [entry.id for entry in listing.entries] == ["a.mp4"]
    assert dict(listing.ignored) == {".png": 1, "pipe, socket or device": 3}
    with pytest.raises(UsageError, match="pipe, socket or device"):
        scan(tmp_path / "pipe.mp4")


def test_a_folder_that_may_not_be_listed_is_a_video_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "Run/a.avi", "Secret/b.avi")
    look = os.scandir

    def refuse(path: str | Path) -> Iterator[os.DirEntry[str]]:
        if Path(path).name == "Secret":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return look(path)

    monkeypatch.setattr(os, "scandir", refuse)  # permissions do not bind every user
    assert [entry.id for entry in list_videos(tmp_path)] == ["Run/a.avi", "Secret"]
    with pytest.raises(UsageError, match=r"Secret: cannot be read \(Permission denied\)"):
        list_videos(tmp_path / "Secret")


AWKWARD = [
    "a b.mp4", "it's \"quoted\".mp4", "two\nlines.mp4", "tab\there.mp4", "back\\slash.mp4", "\x1b[31mred.mp4", "ä.mp4",
    "\N{IDEOGRAPHIC SPACE}.mp4", "line\N{LINE SEPARATOR}.mp4", "100%.mp4", "-option.mp4", "\U0001f3c3.MP4",
]  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="Windows allows few of these names")
def test_any_name_can_be_printed_and_stored_and_none_becomes_another(tmp_path: Path) -> None:
    touch(tmp_path, *AWKWARD, "odd\nclass/a.mp4")
    raw = os.fsencode(tmp_path) + b"/latin-1 \xe4.mp4"
    try:
        Path(os.fsdecode(raw)).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    entries = list_videos(tmp_path)
    assert len({entry.id for entry in entries}) == len(AWKWARD) + 2
    for entry in entries:
        assert entry.path.is_file()
        assert len(entry.id.splitlines()) == 1
        assert json.loads(json.dumps(entry.id, ensure_ascii=False).encode("utf-8")) == entry.id
    ids = [entry.id for entry in entries]
    assert {"two\\nlines.mp4", "latin-1 \\xe4.mp4", "back\\\\slash.mp4", "\\u001b[31mred.mp4", "a b.mp4"} <= set(ids)
    (inside,) = (entry for entry in entries if entry.label)
    assert (inside.id, inside.label) == ("odd\\nclass/a.mp4", "odd\\nclass")


@given(text(characters(codec=None, exclude_characters="/\0")))
def test_printable_names_can_be_read_back(name: str) -> None:
    def letter(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "xu":
            return chr(int(code[1:], 16) + (0xDC00 if code[0] == "x" else 0))
        return {"\\": "\\", "n": "\n", "r": "\r", "t": "\t"}[code]

    shown = printable(name)
    assert re.sub(r"\\(x..|u....|.)", letter, shown) == name
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")


def test_the_folder_where_one_stands_has_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "clip/0.png", "clip/1.png")
    monkeypatch.chdir(tmp_path / "clip")
    assert [(entry.id, entry.label) for entry in list_videos(".")] == [("clip", None)]
    monkeypatch.chdir(tmp_path)
    assert [(entry.id, entry.path) for entry in list_videos(".")] == [("clip", Path("clip"))]


def test_folders_nest_deeper_than_python_recurses(tmp_path: Path) -> None:
    folders = [tmp_path / "/".join(["d"] * depth) for depth in range(1, 1201)]
    for folder in folders:
        folder.mkdir()
    touch(tmp_path, "a.mp4")
    last = folders[-1] / "b.mp4"
    last.write_bytes(b"x")
    try:
        assert [entry.id.count("/") for entry in list_videos(tmp_path)] == [0, len(folders)]
    finally:  # what clears temporary folders away does recurse
        last.unlink()
        for folder in reversed(folders):
            folder.rmdir()


def test_one_look_into_each_folder_and_none_at_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, *(f"class {number % 5}/{number}.avi" for number in range(200)))
    touch(tmp_path, *(f"frames/{number}/{frame}.png" for number in range(5) for frame in range(20)))
    looks: Counter[str] = Counter()

    def counted(name: str) -> None:
        original = getattr(os, name)

        def call(*arguments: object, **options: object) -> object:
            looks[name] += 1
            return original(*arguments, **options)

        monkeypatch.setattr(os, name, call)

    for name in ("stat", "lstat", "scandir", "listdir"):
        counted(name)
    assert len(list_videos(tmp_path)) == 205
    folders = 1 + 5 + 1 + 5
    assert looks["scandir"] == folders + 1  # the first is tried beforehand
    assert looks["stat"] < folders + 10
    assert looks["lstat"] + looks["listdir"] == 0
