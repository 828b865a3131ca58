"""``vidgauge inspect``: every file named, for people and for machines."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from vidgauge.cli import run
from vidgauge.datasets import write_video
from vidgauge.datasets.folder import Entry
from vidgauge.datasets.inspection import Inspection

Encode = Callable[..., Path]
Pattern = Callable[..., torch.Tensor]
Capture = pytest.CaptureFixture[str]
COMMAND = [sys.executable, "-P", "-c", "from vidgauge.cli import main; main()", "inspect"]


@pytest.fixture
def folder(tmp_path: Path, encode: Encode, pattern: Pattern) -> Path:
    encode("Run/a.mp4", pattern(10), rate=10)
    encode("Run/b.gif", pattern(8, 16, 16), rate=100, hundredths=[0, 10, 20, 50, 60, 70, 80, 160])
    write_video(tmp_path / "Walk" / "c.npy", pattern(5, 16, 16), 8)
    (tmp_path / "Walk" / "d.mp4").write_bytes(b"")
    (tmp_path / "prompts.csv").write_text("file,caption\n")
    return tmp_path


def test_machines_read_everything(folder: Path, capsys: Capture) -> None:
    assert run(["inspect", str(folder), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    by_id = {video["id"]: video for video in answer["videos"]}
    assert list(by_id) == ["Run/a.mp4", "Run/b.gif", "Walk/c.npy", "Walk/d.mp4"]
    first = folder / "Run" / "a.mp4"
    assert by_id["Run/a.mp4"].items() >= {
        "label": "Run", "frames": 10, "width": 64, "height": 48, "fps": 10.0, "seconds": 1.0, "codec": "h264",
        "pixel_format": "yuv420p", "colour_range": "unknown", "container": "mp4", "rotation": 0, "interlaced": False,
        "uneven": False, "wrong": None, "bytes": first.stat().st_size,
        "digest": hashlib.sha256(first.read_bytes()).hexdigest(),
    }.items()  # fmt: skip
    assert by_id["Run/b.gif"]["uneven"]
    assert by_id["Walk/c.npy"]["fps"] is None
    assert by_id["Walk/d.mp4"]["wrong"].startswith("is empty")
    assert by_id["Walk/d.mp4"]["frames"] is None
    totals = answer["totals"]
    assert (totals["videos"], totals["broken"], totals["frames"]) == (4, 1, 23)
    assert (totals["shortest"], totals["longest"]) == (5, 10)
    assert totals["kinds"]["size"] == {"16x16": 2, "64x48": 1}
    assert totals["ignored"] == {".csv": 1}


def test_people_read_totals_then_damage_then_a_table(folder: Path, capsys: Capture) -> None:
    assert run(["inspect", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "4 videos, 1 broken; 23 frames, 5 to 10 in a video" in out.splitlines()[0]
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert lines["BROKEN"].split(maxsplit=2)[1:] == ["Walk/d.mp4", "is empty (0 bytes); fetch it again"]
    assert "10  64x48" in lines["Run/a.mp4"]
    assert "unevenly" in lines["Run/b.gif"]
    assert lines["no"].split()[2:] == [".csv", "(1)"]
    assert list(lines).index("size") < list(lines).index("BROKEN") < list(lines).index("Run/a.mp4")


def test_many_videos_are_listed_where_one_asks(tmp_path: Path, pattern: Pattern, capsys: Capture) -> None:
    for number in range(30):
        write_video(tmp_path / f"{number:02}.npy", pattern(2, 4, 4) + number, 8)
    for number in range(30, 150):
        (tmp_path / f"{number:03}.mp4").write_bytes(b"")
    assert run(["inspect", str(tmp_path), "--workers", "0"]) == 0
    out = capsys.readouterr().out
    assert "05.npy" not in out
    assert out.count("BROKEN") == 100
    assert "and 20 more (--json has all)" in out
    assert run(["inspect", str(tmp_path), "--workers", "0", "--all"]) == 0
    assert "05.npy" in capsys.readouterr().out


def test_two_sets_are_compared(folder: Path, capsys: Capture) -> None:
    real, generated = folder / "Run" / "a.mp4", folder / "Walk"
    assert run(["inspect", str(real), str(generated)]) == 0
    warnings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("WARNING")]
    assert "WARNING  codec: real 100 % h264; generated 100 % npy" in warnings
    assert "WARNING  length in frames: real 100 % 10; generated 100 % 5" in warnings
    assert run(["inspect", str(real), str(generated), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["real", "generated", "differences", "in_both"]
    assert answer["differences"][1] == {"of": "codec", "real": "100 % h264", "generated": "100 % npy"}
    assert answer["in_both"] == []
    assert run(["inspect", str(real), str(generated), "--strict"]) == 1
    assert "1 of 3 videos" in capsys.readouterr().err


def test_copies_are_found_in_a_set_and_across_two(folder: Path, capsys: Capture) -> None:
    original = folder / "Run" / "a.mp4"
    for name in ("one.mp4", "two.mp4"):
        (folder / "copies" / name).parent.mkdir(exist_ok=True)
        (folder / "copies" / name).write_bytes(original.read_bytes())
    assert run(["inspect", str(folder / "Run"), str(folder / "copies")]) == 0
    out = capsys.readouterr().out
    assert "the same bytes: one.mp4, two.mp4" in out
    assert "2 generated videos are copies of real ones: one.mp4, two.mp4" in out


def test_data_sets_are_inspected_by_name(folder: Path, capsys: Capture) -> None:
    assert run(["inspect", f"folder@{folder}:Run", f"folder@{folder / 'Run'}", "--workers", "0"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].startswith(f"folder@{folder}:Run: 2 videos, 0 broken; 18 frames")
    assert "WARNING  2 generated videos are copies of real ones: a.mp4, b.gif" in out
    assert run(["inspect", f"ucf101@{folder}"]) == 2
    assert "ucfTrainTestlist" in capsys.readouterr().err


def test_equal_sets_are_said_to_be_equal(folder: Path, capsys: Capture) -> None:
    assert run(["inspect", str(folder / "Run" / "b.gif"), str(folder / "Run" / "b.gif")]) == 0
    assert "No difference in coding" not in capsys.readouterr().out  # it is a copy
    assert run(["inspect", str(folder / "Walk" / "c.npy"), str(folder / "Walk" / "d.mp4")]) == 0
    assert "No difference in coding" in capsys.readouterr().out


def test_names_that_no_terminal_can_print_are_printed(tmp_path: Path, pattern: Pattern) -> None:
    write_video(tmp_path / "two\nlines \udcff ä \U0001f3c3.npy", pattern(2, 4, 4), 8)
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "NO_COLOR": "1"}
    for option in ("--all", "--json"):
        said = subprocess.run(
            [*COMMAND, str(tmp_path), option],
            env=environment,
            capture_output=True,
            check=True,
        )
        assert b"two" in said.stdout
        assert not said.stderr


def test_an_interrupt_ends_with_a_line_and_a_status(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def interrupted(entries: list[Entry], workers: int) -> Iterator[Inspection]:  # noqa: ARG001 - as its original
        yield Inspection(entries[0].id)
        raise KeyboardInterrupt

    monkeypatch.setattr("vidgauge.datasets.inspection.inspect_videos", interrupted)
    assert run(["inspect", str(folder)]) == 130
    said = capsys.readouterr()
    assert said.err == "vidgauge: interrupted after 1 of 4 videos; nothing is printed\n"
    assert said.out == ""


def test_strict_fails_where_a_video_is_broken(folder: Path, capsys: Capture) -> None:
    assert run(["inspect", str(folder), "--strict"]) == 1
    assert "1 of 4 videos" in capsys.readouterr().err
    assert run(["inspect", str(folder / "Run"), "--strict"]) == 0


def test_only_broken_videos_are_an_answer_too(folder: Path, capsys: Capture) -> None:
    assert run(["inspect", str(folder / "Walk" / "d.mp4"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["shortest"] is None
    assert run(["inspect", str(folder / "Walk" / "d.mp4")]) == 0


@pytest.mark.parametrize("name", ["absent", "prompts.csv"])
def test_nothing_to_inspect_is_wrong_usage(folder: Path, capsys: Capture, name: str) -> None:
    assert run(["inspect", str(folder / name)]) == 2
    assert name in capsys.readouterr().err
