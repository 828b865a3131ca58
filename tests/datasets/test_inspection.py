"""What a video is: by decoding it, and the same at a glance."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import pytest
import torch
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidgauge.datasets import reading, write_video
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
    assert totals.kinds["container"] == {
        "mp4": 2, "matroska": 2, "npy": 2, "avi": 1, "gif": 1, "folder": 1,
    }  # fmt: skip
    assert totals.copies == [["g.npy", "z.npy"]]


def test_range_fields_and_rotation_are_seen(tmp_path: Path, pattern: Pattern) -> None:
    write(tmp_path / "limited.mp4", pattern(3), "yuv420p")
    write(tmp_path / "full.mp4", pattern(3), "yuv420p", options={"color_range": "2"})
    write(tmp_path / "fields.mp4", pattern(3), "yuv420p", options={"flags": "+ildct+ilme"})
    seen = {video.id: video for video in inspect_videos(list_videos(tmp_path), workers=0)}
    assert {name: (video.colour_range, video.interlaced) for name, video in seen.items()} == {
        "fields.mp4": ("unknown", True),
        "full.mp4": ("full", False),
        "limited.mp4": ("unknown", False),
    }
    ranges = total(list(seen.values())).kinds["pixel format"]
    assert ranges == {"yuv420p, limited range": 2, "yuv420p, full range": 1}


def write(path: Path, frames_thwc: torch.Tensor, pixel_format: str, options: dict[str, str] | None = None) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options=options or {})
        assert isinstance(stream, VideoStream)
        stream.height, stream.width, stream.pix_fmt = *frames_thwc.shape[1:3], pixel_format
        for frame_hwc in frames_thwc.numpy():
            container.mux(stream.encode(VideoFrame.from_ndarray(frame_hwc, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_turned_videos_are_as_large_as_they_are_shown(tmp_path: Path, encode: Encode, degrees: int) -> None:
    ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    source = encode("source.mp4")
    (tmp_path / "turned").mkdir()
    turned = tmp_path / "turned" / "a.mp4"
    command = [ffmpeg, "-v", "error", "-display_rotation", str(degrees), "-i", str(source), "-c", "copy", str(turned)]
    subprocess.run(command, check=True)
    entries = list_videos(turned)
    (video,) = inspect_videos(entries, workers=0)
    assert (video.width, video.height) == ((64, 48) if degrees == 180 else (48, 64))
    assert video.rotation == -degrees % 360  # ffmpeg's option counts counterclockwise
    assert [replace(video, digest=None)] == list(glance_at_videos(entries, workers=0))
    assert next(reading.decode_frames(turned))[0].shape[:2] == (video.height, video.width)
