"""Frames are byte for byte those of the ffmpeg program, and shown when it shows them."""

import os
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from vidgauge.datasets import VideoError
from vidgauge.datasets.reading import decode_frames, describe_video


class Program(Protocol):
    folder: Path

    def run(self, *arguments: str) -> bytes: ...
    def make(self, name: str, *arguments: str, frames: int = 60, size: str = "64x48") -> Path: ...
    def frames(self, path: Path, height: int, width: int) -> np.ndarray: ...


def times_by(program: Program, path: Path) -> list[float]:
    arguments = ("-fps_mode", "passthrough", "-enc_time_base", "demux", "-c:v", "rawvideo", "-f", "framecrc", "-")
    lines = program.run("-copyts", "-i", str(path), *arguments).decode().splitlines()
    tick = next(Fraction(line.split()[-1]) for line in lines if line.startswith("#tb 0:"))
    return [float(int(line.split(",")[2]) * tick) for line in lines if not line.startswith("#")]


def assert_golden(program: Program, path: Path, times: bool = True) -> None:
    frames, seconds = zip(*decode_frames(path), strict=True)
    ours = np.stack(frames)
    theirs = program.frames(path, *ours.shape[1:3])
    assert ours.shape == theirs.shape
    assert np.array_equal(ours, theirs), f"off by up to {np.abs(ours.astype(int) - theirs).max()}"
    if times:
        assert list(seconds) == pytest.approx(times_by(program, path), abs=1e-9)


PIXEL_FORMATS = (
    *("yuv420p", "yuv422p", "yuv444p", "yuv411p", "yuv440p", "yuvj420p", "yuvj444p", "gray", "gray10le", "gray16le"),
    *("yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv420p12le", "yuv444p12le", "yuv444p16le", "yuva420p"),
    *("yuva444p10le", "bgr0", "bgra", "gbrp", "gbrp10le", "gbrp16le", "rgb48le"),
)


@pytest.mark.parametrize("size", ["64x48", "63x47", "33x2"])
@pytest.mark.parametrize("pixel_format", PIXEL_FORMATS)
def test_pixel_formats(program: Program, pixel_format: str, size: str) -> None:
    scaled = ("-vf", f"scale={size.replace('x', ':')}", "-c:v", "ffv1", "-pix_fmt", pixel_format)
    path = program.make("clip.mkv", *scaled, frames=2)
    assert_golden(program, path, times=False)
    described = describe_video(path)
    assert f"{described.width}x{described.height}" == size
    if pixel_format.startswith(("yuv", "gray")):  # FFV1 has but two layouts of RGB
        assert described.pixel_format == pixel_format.replace("yuvj", "yuv")


@pytest.mark.parametrize("pixel_format", ["nv12", "nv21", "yuyv422", "uyvy422", "rgb24", "bgr24", "rgb555le"])
def test_raw_pixel_formats(program: Program, pixel_format: str) -> None:
    name = "clip.avi" if pixel_format.startswith(("rgb", "bgr")) else "clip.mkv"
    assert_golden(program, program.make(name, "-c:v", "rawvideo", "-pix_fmt", pixel_format, frames=2), times=False)


@pytest.mark.parametrize("limits", ["tv", "pc", None])
@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt470bg", "bt2020nc", "smpte240m", "fcc", None])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p10le"])
def test_colour_tags(program: Program, pixel_format: str, matrix: str | None, limits: str | None) -> None:
    tags = (*(("-colorspace", matrix) if matrix else ()), *(("-color_range", limits) if limits else ()))
    for name, codec in (("clip.mkv", "ffv1"), ("clip.mp4", "libx264")):
        path = program.make(name, "-c:v", codec, "-pix_fmt", pixel_format, *tags, frames=2)
        assert_golden(program, path, times=False)
        described = describe_video(path)
        assert described.bits == (10 if "10" in pixel_format else 8)
        assert described.colour_space == (matrix or "unknown")
        assert (
            described.colour_range
            in {"tv": ("limited", "unknown"), "pc": ("full",), None: ("unknown", "limited")}[limits]
        )


CODINGS: dict[str, tuple[str, ...]] = {
    "h264.mp4": ("-c:v", "libx264"),
    "h264-10.mov": ("-c:v", "libx264", "-pix_fmt", "yuv422p10le"),
    "h264-rgb.mkv": ("-c:v", "libx264rgb"),
    "h264-grey.mp4": ("-c:v", "libx264", "-pix_fmt", "gray"),
    "hevc.mp4": ("-c:v", "libx265", "-x265-params", "log-level=none"),
    "hevc-10.mkv": ("-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le"),
    "hevc-12.mkv": ("-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv444p12le"),
    "vp8.webm": ("-c:v", "libvpx"),
    "vp9.webm": ("-c:v", "libvpx-vp9"),
    "vp9-10.webm": ("-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p10le", "-profile:v", "2"),
    "vp9-alpha.webm": ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p"),
    "av1.mp4": ("-c:v", "libaom-av1", "-cpu-used", "8"),
    "av1-10.mkv": ("-c:v", "libaom-av1", "-cpu-used", "8", "-pix_fmt", "yuv420p10le"),
    "av1-grain.mkv": ("-c:v", "libsvtav1", "-preset", "12", "-svtav1-params", "film-grain=20"),
    "mpeg4.avi": ("-c:v", "mpeg4"),
    "xvid.avi": ("-c:v", "libxvid"),
    "packed.avi": ("-c:v", "libxvid", "-bf", "2"),
    "mpeg4.mp4": ("-c:v", "mpeg4", "-bf", "2"),
    "ffv1.mkv": ("-c:v", "ffv1"),
    "mjpeg.avi": ("-c:v", "mjpeg"),
    "huffyuv.avi": ("-c:v", "huffyuv"),
    "prores-alpha.mov": ("-c:v", "prores_ks", "-pix_fmt", "yuva444p10le"),
    "png-alpha.mov": ("-c:v", "png", "-pix_fmt", "rgba"),
    "animation.mov": ("-c:v", "qtrle", "-pix_fmt", "argb"),
    "drawn.gif": (),
    "h264.m4v": ("-c:v", "libx264"),
    "h263.3gp": ("-c:v", "h263", "-s", "176x144"),
    "mpeg4.3gp": ("-c:v", "mpeg4"),
    "mpeg1.mpeg": ("-c:v", "mpeg1video"),
    "mpeg2.mpg": ("-c:v", "mpeg2video"),
    "sorenson.flv": ("-c:v", "flv"),
    "h264.flv": ("-c:v", "libx264"),
    "wmv2.wmv": ("-c:v", "wmv2"),
}
CONTAINERS = {".mkv": "matroska", ".webm": "matroska", ".mpg": "mpeg", ".mpeg": "mpeg", ".wmv": "asf"} | dict.fromkeys(
    (".mp4", ".mov", ".m4v", ".3gp"), "mp4"
)


@pytest.mark.parametrize("name", CODINGS)
def test_codings(program: Program, name: str) -> None:
    path = program.make(name, *CODINGS[name], frames=20)
    # The program guesses times in AVI from the order of decoding, one frame late where there are B-frames.
    assert_golden(program, path, times=name != "packed.avi")
    described = describe_video(path)
    assert not described.interlaced
    assert described.container == CONTAINERS.get(path.suffix, path.suffix[1:])
    assert described.codec == {"av1": "av1", "xvid": "mpeg4"}.get(name.partition(".")[0], described.codec)


@pytest.mark.parametrize("mirror", [(), ("-display_hflip",), ("-display_vflip",), ("-display_hflip", "-display_vflip")])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le"])
def test_turned_and_mirrored(program: Program, pixel_format: str, degrees: int, mirror: tuple[str, ...]) -> None:
    program.make("stored.mp4", "-c:v", "libx264", "-pix_fmt", pixel_format, frames=3, size="64x36")
    program.run("-display_rotation", str(degrees), *mirror, "-i", "stored.mp4", "-c", "copy", "turned.mp4")
    path = program.folder / "turned.mp4"
    assert_golden(program, path)
    described = describe_video(path)
    assert (described.width, described.height) == (64, 36)
    # The option counts counterclockwise, and mirrors after turning; top to bottom is left to right and a half turn.
    assert described.mirrored == (len(mirror) == 1)
    flipped = {(): 0, ("-display_hflip",): 0, ("-display_vflip",): 180}.get(mirror, 180)
    assert described.rotation == ((-degrees if len(mirror) != 1 else degrees) + flipped) % 360


def test_a_slanted_video_is_refused(program: Program) -> None:
    program.make("stored.mp4", "-c:v", "libx264", frames=3)
    program.run("-display_rotation", "30", "-i", "stored.mp4", "-c", "copy", "turned.mp4")
    with pytest.raises(VideoError, match="turned by an angle"):
        list(decode_frames(program.folder / "turned.mp4"))


@pytest.mark.parametrize(
    "coding",
    [
        ("-c:v", "libx264", "-flags", "+ilme+ildct"),
        ("-c:v", "mpeg2video", "-flags", "+ilme+ildct"),
        ("-c:v", "mpeg4", "-flags", "+ilme+ildct"),
    ],
)
def test_fields_come_out_as_coded(program: Program, coding: tuple[str, ...]) -> None:
    path = program.make("fields.mkv", "-vf", "tinterlace=interleave_top,setfield=tff", *coding, frames=10)
    assert_golden(program, path)
    assert describe_video(path).interlaced


def test_pixels_that_are_not_square_stay_as_coded(program: Program) -> None:
    path = program.make("wide.mp4", "-vf", "setsar=4/3", "-c:v", "libx264", frames=3)
    assert_golden(program, path)
    assert describe_video(path).pixel_aspect == pytest.approx(4 / 3)


@pytest.mark.parametrize("name", ["varying.mkv", "varying.mp4", "varying.webm", "varying.gif"])
def test_variable_rates(program: Program, name: str) -> None:
    coding = {"mkv": "ffv1", "mp4": "libx264", "webm": "libvpx-vp9", "gif": "gif"}[name.partition(".")[2]]
    drop = r"select='not(mod(n\,3))+not(mod(n\,7))'"
    path = program.make(name, "-vf", drop, "-fps_mode", "vfr", "-c:v", coding, frames=20)
    assert_golden(program, path)
    assert len({round(gap, 6) for gap in np.diff([time for _, time in decode_frames(path)])}) > 1


@pytest.mark.parametrize("offsetting", ["1", "0"])
@pytest.mark.parametrize("disposal", ["+transdiff", "-transdiff"])
def test_gifs_drawn_in_parts(program: Program, disposal: str, offsetting: str) -> None:
    holes = "trim=end_frame=12,format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='255*gt(mod(X+4*N,32),9)'"
    palette = "split[a][b];[a]palettegen=reserve_transparent=1[p];[b][p]paletteuse"
    flags = f"{'+' if offsetting == '1' else '-'}offsetting{disposal}"
    path = program.make("holes.gif", "-vf", f"{holes},{palette}", "-gifflags", flags, frames=12)
    assert_golden(program, path)


@pytest.mark.skipif("VIDGAUGE_TEST_VIDEOS" not in os.environ, reason="set VIDGAUGE_TEST_VIDEOS to a folder of videos")
def test_real_videos(program: Program) -> None:
    folder = Path(os.environ["VIDGAUGE_TEST_VIDEOS"])
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in {".avi", ".gif", ".mp4"}]
    assert files
    for path in files:
        if "broken" not in path.parts:
            assert_golden(program, path, times=path.suffix != ".avi")


@pytest.mark.parametrize("name", ["h264.mp4", "hevc.mp4", "mpeg4.mp4"])
def test_colours_that_change_midway(program: Program, name: str) -> None:
    """Two halves of one size and different tags in one stream: each is converted by its own."""
    listed = []
    for number, matrix in enumerate(("bt709", "smpte170m")):
        part = f"{number}.mkv"
        tags = ("-vf", f"format=yuv420p,setparams=colorspace={matrix}:range={'tv' if number else 'pc'}")
        program.make(part, *tags, *CODINGS[name], frames=4)
        listed.append(f"file {part}\n")
    (program.folder / "parts.txt").write_text("".join(listed))
    program.run("-f", "concat", "-i", "parts.txt", "-c", "copy", "joined.mkv")
    assert_golden(program, program.folder / "joined.mkv", times=False)


def test_a_cut_between_fragments_is_seen_where_there_is_an_index_of_them(program: Program) -> None:
    flags = "frag_keyframe+empty_moov+default_base_moof+global_sidx"
    path = program.make("fragments.mp4", "-c:v", "libx264", "-g", "12", "-movflags", flags)
    assert_golden(program, path)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"moof") - 4])
    with pytest.raises(VideoError, match="beyond the end of the file"):
        list(decode_frames(path))
