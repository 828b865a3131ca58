"""Reading gives the right frames, rates and times, from every container, array and folder."""

import math
import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.video.frame import VideoFrame

from vidgauge.datasets import VideoError, decode_frames, read_video, write_video
from vidgauge.datasets.reading import count_frames, describe_video

Encode = Callable[..., Path]
Pattern = Callable[..., torch.Tensor]

CONTAINERS = ["clip.avi", "clip.gif", "clip.mkv", "clip.mov", "clip.mp4", "clip.webm"]


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_is_read(encode: Encode, pattern: Pattern, name: str) -> None:
    path = encode(name)
    video = read_video(path)
    assert video.frames_thwc.dtype == torch.uint8
    assert video.frames_thwc.shape == (24, 48, 64, 3)
    assert video.frames_thwc.is_contiguous()
    assert video.fps == pytest.approx(25)
    assert video.timestamps.dtype == torch.float64
    torch.testing.assert_close(video.timestamps, torch.arange(24, dtype=torch.float64) / 25, atol=1e-3, rtol=0)
    # Lossy, but the picture that went in: GIF's 256 fixed colours are the coarsest.
    error = (video.frames_thwc.float() - pattern().float()).abs().mean()
    assert error < (16 if name.endswith("gif") else 12)
    assert count_frames(path) == 24


@pytest.mark.parametrize("name", CONTAINERS)
def test_decoding_twice_gives_the_same_bytes(encode: Encode, name: str) -> None:
    path = encode(name)
    assert torch.equal(read_video(path).frames_thwc, read_video(path).frames_thwc)


@pytest.mark.parametrize("name", CONTAINERS)
def test_frame_by_frame_equals_whole(encode: Encode, name: str) -> None:
    path = encode(name)
    video = read_video(path)
    frames, times = zip(*decode_frames(path), strict=True)
    assert torch.equal(torch.stack(frames), video.frames_thwc)
    assert list(times) == video.timestamps.tolist()


def write_planes(path: Path, pixel_format: str, planes: list[np.ndarray], matrix: int, limits: int) -> None:
    """One frame of these very samples, losslessly; ``matrix`` and ``limits`` are libav's codes for its colours."""
    height, width = planes[0].shape
    frame = VideoFrame(width, height, pixel_format)
    for plane, samples in zip(frame.planes, planes, strict=True):
        rows = np.zeros((samples.shape[0], plane.line_size), dtype=np.uint8)
        packed = np.ascontiguousarray(samples).view(np.uint8).reshape(samples.shape[0], -1)
        rows[:, : packed.shape[1]] = packed
        plane.update(rows.tobytes())
    frame.colorspace, frame.color_range = matrix, limits
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = height, width, pixel_format
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, limits
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def colours_by_the_book(sample: list[int], bits: int, weights: tuple[float, float], full: bool) -> list[float]:
    """R, G, B in 0 to 255 of one Y'CbCr sample, in floating point (ITU-R BT.601 and BT.709, quantisation)."""
    (luma, blue, red), scale = sample, 2 ** (bits - 8)
    y = luma / (255 * scale) if full else (luma / scale - 16) / 219
    pb, pr = ((c - 128 * scale) / ((255 if full else 224) * scale) for c in (blue, red))
    weight_red, weight_blue = weights
    r, b = y + 2 * (1 - weight_red) * pr, y + 2 * (1 - weight_blue) * pb
    g = (y - weight_red * r - weight_blue * b) / (1 - weight_red - weight_blue)
    return [min(max(255 * value, 0.0), 255.0) for value in (r, g, b)]


BT709, BT601, LIMITED, FULL = 1, 5, 1, 2
WEIGHTS = {BT709: (0.2126, 0.0722), BT601: (0.299, 0.114)}


@pytest.mark.parametrize("limits", [LIMITED, FULL])
@pytest.mark.parametrize("matrix", [BT601, BT709])
@pytest.mark.parametrize(
    ("pixel_format", "bits"), [("yuv420p", 8), ("yuv444p", 8), ("yuv444p10le", 10), ("yuv420p10le", 10)]
)
def test_colours_follow_the_standard(tmp_path: Path, pixel_format: str, bits: int, matrix: int, limits: int) -> None:
    """Flat patches of legal colours, converted here in floating point, independently of any video library."""
    size, rng = 16, np.random.default_rng(0)
    patches = rng.integers([60, 100, 100], [200, 156, 156], (12, 3)) * 2 ** (bits - 8)
    dtype = np.uint8 if bits == 8 else np.dtype("<u2")
    halves = (1, 2, 2) if "420" in pixel_format else (1, 1, 1)
    planes = [
        np.kron(patches[:, plane].reshape(3, 4), np.ones((size // half, size // half))).astype(dtype)
        for plane, half in enumerate(halves)
    ]
    path = tmp_path / "patches.mkv"
    write_planes(path, pixel_format, planes, matrix, limits)
    frame_hwc = read_video(path).frames_thwc[0].double()
    centres = frame_hwc[size // 2 :: size, size // 2 :: size].reshape(12, 3)
    by_the_book = [colours_by_the_book(patch, bits, WEIGHTS[matrix], limits == FULL) for patch in patches.tolist()]
    torch.testing.assert_close(
        centres, torch.tensor(by_the_book, dtype=torch.float64), atol=3.0, rtol=0
    )  # swscale rounds tables


@pytest.mark.parametrize(("height", "width"), [(48, 64), (47, 63), (1, 1), (2, 101), (33, 7)])
def test_odd_sizes_keep_their_size(tmp_path: Path, height: int, width: int) -> None:
    planes = [np.full(((height + half - 1) // half, (width + half - 1) // half), 128, np.uint8) for half in (1, 2, 2)]
    write_planes(tmp_path / "odd.mkv", "yuv420p", planes, BT601, FULL)
    frames_thwc = read_video(tmp_path / "odd.mkv").frames_thwc
    assert frames_thwc.shape == (1, height, width, 3)
    assert (frames_thwc.int() - 128).abs().max() <= 1


def test_fractional_rates_are_exact(encode: Encode) -> None:
    for name in ("film.mp4", "film.avi"):
        assert read_video(encode(name, rate=Fraction(30000, 1001))).fps == 30000 / 1001


def test_gif_delays_make_the_times_and_the_rate(encode: Encode, pattern: Pattern) -> None:
    hundredths = [0, 10, 20, 50, 60, 70, 80, 160]
    video = read_video(encode("slow.gif", pattern(8), rate=100, hundredths=hundredths))
    assert video.frames_thwc.shape[0] == 8  # not one per hundredth of a second
    assert video.timestamps.tolist() == [hundredth / 100 for hundredth in hundredths]
    assert video.fps == pytest.approx(7 / 1.6)


def test_variable_rate_keeps_every_frame_and_its_time(encode: Encode, pattern: Pattern) -> None:
    hundredths = [0, 4, 8, 40, 44, 100, 104, 200]
    video = read_video(encode("varying.mkv", pattern(8), hundredths=hundredths))
    assert video.frames_thwc.shape[0] == 8
    assert video.timestamps.tolist() == [hundredth / 100 for hundredth in hundredths]
    assert video.fps == pytest.approx(7 / 2)


# Display matrices of the four quarter turns, as ISO/IEC 14496-12 stores them (16.16 fixed point, last column 2.30).
TURNS = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


@pytest.mark.parametrize("clockwise", TURNS)
def test_rotated_video_comes_out_upright(encode: Encode, clockwise: int) -> None:
    path = encode("phone.mp4")
    stored = read_video(path).frames_thwc
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # version 0: 40 bytes come before the matrix
    a, b, c, d = (value << 16 for value in TURNS[clockwise])
    fields = (a, b, 0, c, d, 0, 0, 0, 1 << 30)
    data[matrix : matrix + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in fields)
    path.write_bytes(data)
    expected = torch.rot90(stored, -clockwise // 90, dims=(1, 2))
    upright = read_video(path).frames_thwc
    assert upright.shape == expected.shape
    assert (upright.float() - expected.float()).abs().mean() < 2  # turned in the file's own subsampled colours


@pytest.mark.parametrize("layout", ["thwc", "tchw"])
@pytest.mark.parametrize("extension", [".npy", ".npz"])
def test_arrays_are_read_in_both_layouts(tmp_path: Path, pattern: Pattern, layout: str, extension: str) -> None:
    frames_thwc = pattern(5)
    array = (frames_thwc if layout == "thwc" else frames_thwc.permute(0, 3, 1, 2)).numpy()
    path = tmp_path / f"array{extension}"
    if extension == ".npy":
        np.save(path, array)
    else:
        np.savez_compressed(path, video=array)
    video = read_video(path)
    assert torch.equal(video.frames_thwc, frames_thwc)
    assert math.isnan(video.fps)
    assert video.timestamps.isnan().all()
    assert count_frames(path) == 5


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((4, 8, 8, 3), np.float32), "float32"),
        (np.zeros((4, 8, 8), np.uint8), "shape"),
        (np.zeros((4, 3, 8, 3), np.uint8), "shape"),
        (np.zeros((4, 8, 8, 4), np.uint8), "shape"),
        (np.zeros((0, 8, 8, 3), np.uint8), "no frames"),
        (np.array([{}], dtype=object), "NumPy"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, array: np.ndarray, reason: str) -> None:
    np.save(tmp_path / "odd.npy", array, allow_pickle=True)
    with pytest.raises(VideoError, match=rf"odd\.npy: .*{reason}"):
        read_video(tmp_path / "odd.npy")


def test_an_archive_of_two_arrays_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", a=np.zeros(1), b=np.zeros(1))
    with pytest.raises(VideoError, match=r"2 arrays \(a, b\)"):
        read_video(tmp_path / "two.npz")


def test_frame_folders_are_read_in_natural_order(tmp_path: Path, pattern: Pattern) -> None:
    frames_thwc = pattern(12, 9, 7)
    for number, frame_hwc in enumerate(frames_thwc.numpy()):
        VideoFrame.from_ndarray(frame_hwc, format="rgb24").save(tmp_path / f"frame%{number}.png")
    (tmp_path / ".hidden").write_text("left by a file browser")
    video = read_video(tmp_path)
    assert torch.equal(video.frames_thwc, frames_thwc)
    assert math.isnan(video.fps)
    assert count_frames(tmp_path) == 12
    assert describe_video(tmp_path).codec == "png"


def test_frames_of_different_sizes_are_refused(tmp_path: Path, pattern: Pattern) -> None:
    for number, size in enumerate([8, 8, 6]):
        frame_hwc = pattern(1, size, size)[0].numpy()
        VideoFrame.from_ndarray(frame_hwc, format="rgb24").save(tmp_path / f"{number}.png")
    with pytest.raises(VideoError, match=r"2\.png: is 6x6, but 0\.png is 8x8"):
        read_video(tmp_path)


@pytest.mark.skipif("VIDGAUGE_TEST_VIDEOS" not in os.environ, reason="set VIDGAUGE_TEST_VIDEOS to a folder of videos")
def test_every_real_video_is_read_or_refused() -> None:
    files = [
        path
        for path in sorted(Path(os.environ["VIDGAUGE_TEST_VIDEOS"]).rglob("*"))
        if path.suffix in {".avi", ".gif", ".mp4"}
    ]
    assert files
    for path in files:
        if "broken" in path.parts:
            with pytest.raises(VideoError):
                read_video(path)
        else:
            video = read_video(path)
            assert len(video.frames_thwc) == len(video.timestamps) == count_frames(path)
            assert (video.timestamps.diff() > 0).all()


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("sample", {"torch", "av"}),
        ("reading", {"torch", "pydantic"}),
        ("storages", {"numpy", "torch", "pydantic"}),
    ],
)
def test_modules_that_stay_light_import_nothing_heavy(module: str, heavy: set[str]) -> None:
    code = f"import sys, vidgauge.datasets.{module}; print(*({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_written_videos_come_back_with_their_rate(tmp_path: Path, pattern: Pattern) -> None:
    write_video(tmp_path / "a.mkv", pattern(40), 30000 / 1001)
    assert read_video(tmp_path / "a.mkv").fps == 30000 / 1001
