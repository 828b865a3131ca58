"""What is written comes back byte for byte."""

from pathlib import Path
from typing import Any

import pytest
import torch

from vidgauge.datasets import read_video, write_video
from vidgauge.datasets.writing import video_writer
from vidgauge.errors import UsageError


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.mark.parametrize("name", ["video.mkv", "video.npy", "folder", "new/folders/video.mkv"])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (31, 17), (1, 1), (2, 255), (64, 33)])
def test_round_trip_is_exact(tmp_path: Path, name: str, height: int, width: int) -> None:
    frames_thwc = noise(5, height, width, 3)
    write_video(tmp_path / name, frames_thwc, 8)
    assert torch.equal(read_video(tmp_path / name).frames_thwc, frames_thwc)


def test_every_colour_survives(tmp_path: Path) -> None:
    """All 2^24 colours: an intermediate Y'CbCr step anywhere would merge some."""
    values = torch.arange(2**24)
    colours = torch.stack([values >> 16, (values >> 8) & 255, values & 255], dim=1).to(torch.uint8)
    frames_thwc = colours.reshape(4, 2048, 2048, 3)
    write_video(tmp_path / "colours.mkv", frames_thwc, 1)
    assert torch.equal(read_video(tmp_path / "colours.mkv").frames_thwc, frames_thwc)


@pytest.mark.parametrize("fps", [1.0, 7.5, 8.0, 23.976, 24.0, 29.97, 30000 / 1001, 60.0, 7.979])
def test_the_rate_comes_back(tmp_path: Path, fps: float) -> None:
    write_video(tmp_path / "video.mkv", noise(12, 8, 8, 3), fps)
    video = read_video(tmp_path / "video.mkv")
    assert video.fps == pytest.approx(fps, rel=1e-6)
    torch.testing.assert_close(video.timestamps, torch.arange(12, dtype=torch.float64) / fps, atol=1e-3, rtol=0)


def test_frames_in_any_memory_layout_are_written(tmp_path: Path) -> None:
    video_tchw = noise(4, 3, 10, 12)
    write_video(tmp_path / "video.mkv", video_tchw.permute(0, 2, 3, 1), 8)
    assert torch.equal(read_video(tmp_path / "video.mkv").frames_thwc, video_tchw.permute(0, 2, 3, 1))


@pytest.mark.parametrize("name", ["video.mp4", "video.gif", "video.webm", "video.avi", "video.txt"])
def test_lossy_formats_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"without loss; use \.mkv"):
        write_video(tmp_path / name, noise(2, 8, 8, 3), 8)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("frames", [noise(2, 8, 8), noise(2, 3, 8, 8), noise(0, 8, 8, 3), torch.zeros(2, 8, 8, 3)])
def test_what_is_no_video_is_refused(tmp_path: Path, frames: torch.Tensor) -> None:
    with pytest.raises(UsageError, match="a video is"):
        write_video(tmp_path / "video.mkv", frames, 8)


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_is_a_positive_number(tmp_path: Path, fps: float) -> None:
    with pytest.raises(UsageError, match="fps"):
        write_video(tmp_path / "video.mkv", noise(2, 8, 8, 3), fps)


def test_an_existing_file_is_replaced_and_an_existing_folder_is_not(tmp_path: Path) -> None:
    for seed_frames in (noise(2, 8, 8, 3), noise(3, 4, 4, 3)):
        write_video(tmp_path / "video.mkv", seed_frames, 8)
    assert read_video(tmp_path / "video.mkv").frames_thwc.shape == (3, 4, 4, 3)
    write_video(tmp_path / "frames", noise(2, 8, 8, 3), 8)
    with pytest.raises(UsageError, match="exists already"):
        write_video(tmp_path / "frames", noise(2, 8, 8, 3), 8)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames", "video.mkv"]


@pytest.mark.parametrize("lengths", [(7,), (1, 4, 2), (1,) * 7])
def test_a_video_in_pieces_is_the_video(tmp_path: Path, lengths: tuple[int, ...]) -> None:
    frames_thwc = noise(7, 9, 11, 3)
    write_video(tmp_path / "whole.mkv", frames_thwc, 29.97)
    with video_writer(tmp_path / "new" / "pieces.mkv", 29.97) as video:
        for piece_thwc in torch.split(frames_thwc, list(lengths)):
            video.write(piece_thwc)
        assert not (tmp_path / "new" / "pieces.mkv").exists()
    whole, pieces = read_video(tmp_path / "whole.mkv"), read_video(tmp_path / "new" / "pieces.mkv")
    assert torch.equal(pieces.frames_thwc, frames_thwc)
    assert torch.equal(pieces.timestamps, whole.timestamps)
    assert pieces.fps == whole.fps


def write_pieces(path: Path, *pieces_thwc: Any) -> None:  # noqa: ANN401 - what is no tensor too
    with video_writer(path, 8) as video:
        for piece_thwc in pieces_thwc:
            video.write(piece_thwc)


def test_pieces_that_make_no_video_leave_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "video.mkv"
    write_video(path, noise(2, 8, 8, 3), 8)
    with pytest.raises(UsageError, match=r"got frames of 8x9 after those of 8x8"):
        write_pieces(path, noise(1, 8, 8, 3), noise(1, 8, 9, 3))
    with pytest.raises(UsageError, match="no frame was written"):
        write_pieces(path)
    with pytest.raises(AttributeError):
        write_pieces(path, noise(1, 8, 8, 3), None)
    with pytest.raises(UsageError, match="piece by piece"):
        write_pieces(tmp_path / "video.npy", noise(1, 8, 8, 3))
    assert [child.name for child in tmp_path.iterdir()] == ["video.mkv"]
    assert read_video(path).frames_thwc.shape == (2, 8, 8, 3)
