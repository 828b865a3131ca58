"""Captions find their videos, and never the wrong one."""

import json
from pathlib import Path

import pytest

from vidgauge.datasets.captions import caption_videos, read_captions
from vidgauge.datasets.folder import Entry
from vidgauge.errors import UsageError

EXPECTED = {"a.mp4": "a cat, asleep", "b.gif": 'a "red"\nstar', "ü.gif": "one\u2028caption"}


def write(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8", newline="")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.csv", 'file,caption\na.mp4,"a cat, asleep"\nb.gif,"a ""red""\nstar"\nü.gif,one\u2028caption\n'),
        ("c.csv", '\ufeffid,Prompt,Video\r\n1,"a cat, asleep",a.mp4\r\n2,"a ""red""\nstar",b.gif\r\n3,one\u2028caption,ü.gif'),  # noqa: E501
        ("c.json", '{"a.mp4": "a cat, asleep", "b.gif": "a \\"red\\"\\nstar", "ü.gif": "one\\u2028caption"}'),
        ("c.json", json.dumps([{"path": name, "text": text, "n": 1} for name, text in EXPECTED.items()])),
        ("c.jsonl", "\n\n".join(json.dumps({"file": name, "prompt": text}) for name, text in EXPECTED.items())),
        ("c.jsonl", "\n".join(json.dumps({"video": name, "text": text}, ensure_ascii=False) for name, text in EXPECTED.items())),  # noqa: E501
    ],
)  # fmt: skip
def test_every_format_is_read(tmp_path: Path, name: str, text: str) -> None:
    assert read_captions(write(tmp_path, name, text)) == EXPECTED


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("c.csv", "file,caption\na.mp4,one\na.mp4,two\n", "a.mp4 has two captions"),
        ("c.csv", "file,caption\na.mp4,\n", "a.mp4 has no caption"),
        ("c.csv", "file,caption\na.mp4\n", "a.mp4 has no caption"),
        ("c.csv", "a.mp4,a cat\nb.mp4,a dog\n", "needs exactly one of the columns file"),
        ("c.csv", "file,caption,prompt\na.mp4,x,y\n", "needs exactly one of the columns caption"),
        ("c.json", "{", "cannot be read as JSON"),
        ("c.json", "3", "an object for each"),
        ("c.jsonl", '["a"]', "an object for each"),
        ("c.txt", "a", "not .csv, .json or .jsonl"),
        ("c.json", '{"a.mp4": 3}', "a.mp4 has no caption"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        read_captions(write(tmp_path, name, text))
    assert name in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.csv: cannot be read"):
        read_captions(tmp_path / "absent.csv")


def entries(*ids: str) -> list[Entry]:
    return [Entry(id_, f"/root/{id_}") for id_ in ids]


def test_videos_are_known_by_path_name_or_stem() -> None:
    captions = {"x/a.mp4": "1", "b.mp4": "2", "y/c": "3", "d": "4", "spare.mp4": "5"}
    assert caption_videos(entries("x/a.mp4", "x/b.mp4", "y/c.gif", "z/d.avi"), captions) == {
        "x/a.mp4": "1",
        "x/b.mp4": "2",
        "y/c.gif": "3",
        "z/d.avi": "4",
    }


def test_frame_folders_with_dots_in_their_names_keep_them() -> None:
    assert caption_videos(entries("v1.5_a", "v1.5_b"), {"v1.5_a": "1", "v1.5_b": "2"}) == {"v1.5_a": "1", "v1.5_b": "2"}


@pytest.mark.parametrize(
    ("ids", "captions", "reason"),
    [
        (("a.mp4", "b.mp4"), {"a.mp4": "1"}, "b.mp4 has no caption"),
        (("a.mp4",), {"a.mp4": "1", "a": "2"}, "a.mp4 has several captions"),
        (("x/a.mp4", "y/a.mp4"), {"a.mp4": "1"}, "fits x/a.mp4 and y/a.mp4"),
    ],
)
def test_missing_and_doubled_captions_are_errors(ids: tuple[str, ...], captions: dict[str, str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        caption_videos(entries(*ids), captions)
