"""What a video is: by decoding it, and the same at a glance."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vidgauge.datasets import write_video
from vidgauge.datasets.folder import list_videos
from vidgauge.datasets.inspection import glance_at_videos, inspect_videos
from vidgauge.datasets.totals import total

Encode = Callable[..., Path]
Pattern = Callable[..., torch.Tensor]


@pytest.fixture
def folder(tmp_path: Path, encode: Encode, pattern: Pattern) -> Path:
    for name in ("a.avi", "b.gif", "c.mkv", "d.mov", "e.mp4", "f.webm"):
        encode(name, pattern(9))
    encode("uneven.mp4", pattern(6), rate=100, hundredths=[0, 10, 20, 50, 60, 70])
    write_video(tmp_path / "g.npy", pattern(3, 6, 8), 8)
    write_video(tmp_path / "h", pattern(4, 6, 8), 8)
    return tmp_path


@pytest.mark.parametrize("workers", [0, 2])
def test_a_glance_sees_what_decoding_sees_of_whole_videos(folder: Path, workers: int) -> None:
    entries = list_videos(folder)
    decoded = list(inspect_videos(entries, workers))
    glanced = list(glance_at_videos(entries, workers))
    assert [video.id for video in decoded] == [entry.id for entry in entries]
    assert all(video.wrong is None for video in decoded)
    assert glanced == [replace(video, digest=None) for video in decoded]
    assert [video.id for video in decoded if video.uneven] == ["uneven.mp4"]
    assert len({video.digest for video in decoded}) == len(decoded)


def test_damage_is_named_also_within_a_folder_of_frames(folder: Path) -> None:
    (folder / "h" / "000002.png").write_bytes(b"")
    (folder / "e.mp4").write_bytes((folder / "e.mp4").read_bytes()[:700])
    videos = {video.id: video for video in inspect_videos(list_videos(folder), workers=0)}
    assert str(videos["h"].wrong).startswith("000002.png: is empty")
    assert (videos["e.mp4"].frames, videos["e.mp4"].bytes) == (None, 700)
    assert {video.id for video in videos.values() if video.wrong} == {"h", "e.mp4"}


def test_totals_count_broken_videos_as_broken_alone(folder: Path) -> None:
    (folder / "e.mp4").write_bytes(b"")
    (folder / "z.npy").write_bytes((folder / "g.npy").read_bytes())
    totals = total(list(inspect_videos(list_videos(folder), workers=0)))
    assert (totals.videos, totals.broken) == (10, 1)
    assert totals.frames == 5 * 9 + 6 + 3 + 3 + 4
    assert (totals.shortest, totals.longest) == (3, 9)
    assert totals.kinds["codec"]["h264"] == 3
    assert totals.copies == [["g.npy", "z.npy"]]
