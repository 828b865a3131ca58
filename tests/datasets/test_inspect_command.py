"""``vidgauge inspect``: every file named, for people and for machines."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vidgauge.cli import run
from vidgauge.datasets import write_video

Encode = Callable[..., Path]
Pattern = Callable[..., torch.Tensor]


@pytest.fixture
def folder(tmp_path: Path, encode: Encode, pattern: Pattern) -> Path:
    encode("Run/a.mp4", pattern(10), rate=10)
    encode("Run/b.gif", pattern(8, 16, 16), rate=100, hundredths=[0, 10, 20, 50, 60, 70, 80, 160])
    write_video(tmp_path / "Walk" / "c.npy", pattern(5, 16, 16), 8)
    (tmp_path / "Walk" / "d.mp4").write_bytes(b"")
    (tmp_path / "prompts.csv").write_text("file,caption\n")
    return tmp_path


def test_machines_read_everything(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(folder), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    by_id = {video["id"]: video for video in answer["videos"]}
    assert list(by_id) == ["Run/a.mp4", "Run/b.gif", "Walk/c.npy", "Walk/d.mp4"]
    assert by_id["Run/a.mp4"] == {
        "id": "Run/a.mp4", "label": "Run", "frames": 10, "width": 64, "height": 48, "fps": 10.0, "seconds": 1.0,
        "codec": "h264", "pixel_format": "yuv420p", "uneven": False, "wrong": None,
    }  # fmt: skip
    assert by_id["Run/b.gif"]["uneven"]
    assert by_id["Walk/c.npy"]["fps"] is None
    assert by_id["Walk/d.mp4"]["wrong"].startswith("is empty")
    assert by_id["Walk/d.mp4"]["frames"] is None
    totals = answer["totals"]
    assert (totals["videos"], totals["broken"], totals["frames"]) == (4, 1, 23)
    assert (totals["shortest"], totals["longest"]) == (5, 10)
    assert totals["sizes"] == {"16x16": 2, "64x48": 1}
    assert totals["ignored"] == {".csv": 1}


def test_people_read_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(folder)]) == 0
    out = capsys.readouterr().out
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert "10  64x48" in lines["Run/a.mp4"]
    assert "unevenly" in lines["Run/b.gif"]
    assert "BROKEN: is empty" in lines["Walk/d.mp4"]
    assert "4 videos, 1 broken; 23 frames, 5 to 10 in a video" in out
    assert "no videos: .csv (1)" in out


def test_strict_fails_where_a_video_is_broken(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(folder), "--strict"]) == 1
    assert "1 of 4 videos" in capsys.readouterr().err
    assert run(["inspect", str(folder / "Run"), "--strict"]) == 0


def test_only_broken_videos_are_an_answer_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(folder / "Walk" / "d.mp4"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["shortest"] is None
    assert run(["inspect", str(folder / "Walk" / "d.mp4")]) == 0


@pytest.mark.parametrize("name", ["absent", "prompts.csv"])
def test_nothing_to_inspect_is_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert run(["inspect", str(folder / name)]) == 2
    assert name in capsys.readouterr().err
