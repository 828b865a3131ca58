"""Frames by index are those of a full decode, and cost no more than they must."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from vidgauge.datasets import VideoError, seeking
from vidgauge.datasets.decoding import packet_index
from vidgauge.datasets.reading import decode_frames, describe_video, frames_at, timeline

Encode = Callable[..., Path]


class Program(Protocol):
    folder: Path

    def run(self, *arguments: str) -> bytes: ...
    def make(self, name: str, *arguments: str, frames: int = 60, size: str = "64x48") -> Path: ...
    def frames(self, path: Path, height: int, width: int) -> np.ndarray: ...


X265 = ("-c:v", "libx265", "-x265-params")
CODINGS: dict[str, tuple[str, ...]] = {
    "closed.mp4": ("-c:v", "libx264", "-g", "12", "-bf", "3"),
    "open.mp4": ("-c:v", "libx264", "-g", "12", "-bf", "3", "-x264-params", "open-gop=1:b-pyramid=normal"),
    "open.mkv": ("-c:v", "libx264", "-g", "12", "-bf", "3", "-x264-params", "open-gop=1"),
    "refresh.mp4": ("-c:v", "libx264", "-g", "12", "-x264-params", "intra-refresh=1"),
    "faststart.mov": ("-c:v", "libx264", "-g", "9", "-movflags", "faststart"),
    "fragmented.mp4": ("-c:v", "libx264", "-g", "9", "-movflags", "frag_keyframe+empty_moov"),
    "rgb.mp4": ("-c:v", "libx264rgb", "-g", "9"),
    "open-hevc.mp4": (*X265, "log-level=none:open-gop=1:keyint=10:min-keyint=10:bframes=4"),
    "radl-hevc.mkv": (*X265, "log-level=none:open-gop=0:radl=2:keyint=10:min-keyint=10:bframes=4"),
    "closed-hevc.mkv": (*X265, "log-level=none:open-gop=0:keyint=10:min-keyint=10", "-pix_fmt", "yuv420p10le"),
    "hidden.vp9.webm": ("-c:v", "libvpx-vp9", "-g", "20", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-b:v", "50k"),
    "hidden.vp8.webm": ("-c:v", "libvpx", "-g", "20", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-b:v", "50k"),
    "av1.mp4": ("-c:v", "libaom-av1", "-cpu-used", "8", "-g", "15", "-lag-in-frames", "10"),
    "svt.mkv": ("-c:v", "libsvtav1", "-preset", "12", "-g", "15", "-svtav1-params", "film-grain=8"),
    "packed.avi": ("-c:v", "libxvid", "-g", "12", "-bf", "2"),
    "b-frames.avi": ("-c:v", "mpeg4", "-g", "12", "-bf", "2"),
    "plain.avi": ("-c:v", "mpeg4", "-g", "12", "-bf", "0"),
    "b-frames.mkv": ("-c:v", "mpeg4", "-g", "12", "-bf", "2"),
    "slices.mkv": ("-c:v", "ffv1", "-g", "7", "-level", "3", "-slices", "4"),
    "motion.avi": ("-c:v", "mjpeg"),
    "motion.mov": ("-c:v", "mjpeg", "-huffman", "optimal"),
    "raw.avi": ("-c:v", "rawvideo",),
    "packets.mov": ("-c:v", "prores_ks",),
    "drawn.gif": (),
}  # fmt: skip
DECODED_FROM_THE_START: dict[str, tuple[str, ...]] = {
    "h264.avi": ("-c:v", "libx264", "-g", "12"),
    "fields.mp4": ("-c:v", "libx264", "-g", "12", "-flags", "+ilme+ildct"),
    "palette.avi": ("-c:v", "rawvideo", "-pix_fmt", "pal8"),
    "old.avi": ("-c:v", "msmpeg4", "-g", "12"),
    "theora.mkv": ("-c:v", "libtheora", "-g", "16"),
    "mpeg2.mkv": ("-c:v", "mpeg2video", "-g", "12", "-bf", "2"),
}


def whole(path: Path) -> tuple[list[np.ndarray], list[float]]:
    frames, times = zip(*decode_frames(path), strict=True)
    return list(frames), list(times)


def assert_seeking_is_exact(path: Path) -> None:
    frames, times = whole(path)
    np.testing.assert_array_equal(timeline(path), times)
    rng, last = random.Random(path.name), len(frames) - 1
    sets = [sorted(rng.sample(range(last + 1), min(last + 1, rng.choice([1, 1, 2, 5])))) for _ in range(12)]
    for indices in [[], [0], [last], list(range(last // 3, min(last // 3 + 16, last + 1))), *sets]:
        taken = list(frames_at(path, indices))
        assert len(taken) == len(indices)
        for index, frame_hwc in zip(indices, taken, strict=True):
            assert frame_hwc.dtype == np.uint8
            assert frame_hwc.flags.writeable
            np.testing.assert_array_equal(frame_hwc, frames[index], err_msg=f"{path.name}, frame {index} of {indices}")
    with pytest.raises(VideoError, match=f"{last + 1} frames, so there is none of index {last + 1}"):
        list(frames_at(path, [last + 1]))


@pytest.fixture
def no_falling_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def counted(path: Path, indices: list[int], _damaged: list[int]) -> Iterator[VideoFrame]:
        assert not indices, f"{path.name} was decoded from its start for {indices}"
        return iter(())

    monkeypatch.setattr(seeking, "_counted", counted)


@pytest.mark.usefixtures("no_falling_back")
@pytest.mark.parametrize("name", CODINGS)
def test_every_coding(program: Program, name: str) -> None:
    path = program.make(name, *CODINGS[name])
    assert_seeking_is_exact(path)
    assert len(timeline(path)) == (60 if name != "packed.avi" else len(whole(path)[0]))


@pytest.mark.parametrize("name", DECODED_FROM_THE_START)
def test_codings_whose_packets_do_not_tell(program: Program, name: str) -> None:
    path = program.make(name, *DECODED_FROM_THE_START[name])
    assert packet_index(path).order is None
    assert_seeking_is_exact(path)


@pytest.mark.usefixtures("no_falling_back")
@pytest.mark.parametrize("name", ["clip.avi", "clip.gif", "clip.mkv", "clip.mov", "clip.mp4", "clip.webm"])
def test_containers_of_another_build(encode: Encode, name: str) -> None:
    assert_seeking_is_exact(encode(name))


@pytest.mark.parametrize("kind", ["clip.npy", "clip.npz", "folder"])
def test_arrays_and_folders(tmp_path: Path, kind: str) -> None:
    frames_thwc = np.random.default_rng(0).integers(0, 256, (6, 8, 10, 3), dtype=np.uint8)
    path = tmp_path / kind
    if kind == "clip.npy":
        np.save(path, frames_thwc)
    elif kind == "clip.npz":
        np.savez(path, frames_thwc)
    else:
        path.mkdir()
        for number, frame_hwc in enumerate(frames_thwc):
            VideoFrame.from_ndarray(frame_hwc, format="rgb24").save(path / f"{number}.png")
    assert_seeking_is_exact(path)


def decoded_frames(path: Path, indices: list[int], monkeypatch: pytest.MonkeyPatch) -> int:
    """How many frames come out of the decoder on the way to these."""
    count = 0
    original = seeking._frames

    def counting(*arguments: Any) -> Iterator[VideoFrame]:  # noqa: ANN401 - passes on whatever it is given
        nonlocal count
        for frame in original(*arguments):
            count += 1
            yield frame

    monkeypatch.setattr(seeking, "_frames", counting)
    list(frames_at(path, indices))
    return count


@pytest.mark.usefixtures("no_falling_back")
@pytest.mark.parametrize(("name", "gop"), [("closed.mp4", 12), ("hidden.vp9.webm", 20), ("motion.avi", 1)])
def test_only_what_is_needed_is_decoded(program: Program, monkeypatch: pytest.MonkeyPatch, name: str, gop: int) -> None:
    path = program.make(name, *CODINGS[name], frames=120, size="32x32")
    assert list(packet_index(path).entries) == list(range(0, 120, gop))  # the moving picture has no cuts
    assert decoded_frames(path, [0], monkeypatch) == 1
    assert decoded_frames(path, [3 * gop, 5 * gop], monkeypatch) == 2
    assert decoded_frames(path, [119], monkeypatch) == gop


@pytest.mark.usefixtures("no_falling_back")
def test_a_start_within_a_group_of_pictures(program: Program) -> None:
    """An edit list hides the frames in front of the start; the first of those shown still needs them."""
    program.make("source.mp4", *CODINGS["open.mp4"])
    program.run("-ss", "0.72", "-i", "source.mp4", "-c", "copy", "cut.mp4")
    path = program.folder / "cut.mp4"
    index = packet_index(path)
    assert index.order is not None
    assert len(index.order) < len(index.packets)  # some are hidden
    frames, times = whole(path)
    assert len(frames) == len(timeline(path))
    np.testing.assert_array_equal(np.stack(frames), program.frames(path, 48, 64))
    assert times[0] == timeline(path)[0]
    assert_seeking_is_exact(path)


@pytest.mark.parametrize("name", ["open.mkv", "open.mp4", "open-hevc.mp4", "radl-hevc.mkv"])
@pytest.mark.parametrize("copied", ["cut.mkv", "cut.mp4"])
def test_a_start_at_an_open_group_of_pictures(program: Program, name: str, copied: str) -> None:
    """Pictures shown in front of the first key frame refer to what is gone."""
    program.make(name, *CODINGS[name])
    program.run("-ss", "0.9", "-i", name, "-c", "copy", copied)
    path = program.folder / copied
    frames, _ = whole(path)
    np.testing.assert_array_equal(np.stack(frames), program.frames(path, 48, 64))
    assert_seeking_is_exact(path)


@pytest.mark.parametrize("name", ["varying.mkv", "varying.mp4", "varying.gif", "varying.avi"])
def test_variable_rates(encode: Encode, pattern: Callable[..., object], name: str) -> None:
    hundredths = [0, 4, 8, 40, 44, 100, 104, 200]
    path = encode(name, pattern(8), rate=100, hundredths=hundredths)
    assert timeline(path).tolist() == pytest.approx([number / 100 for number in hundredths])
    assert_seeking_is_exact(path)


def test_files_without_an_index_of_key_frames(program: Program) -> None:
    """Streamed Matroska has no cues, and AVI may lack its index: a seek may land anywhere."""
    path = program.make("open.mkv", *CODINGS["open.mkv"])
    piped = program.run("-i", str(path), "-c", "copy", "-f", "matroska", "-")
    (program.folder / "piped.mkv").write_bytes(piped)
    assert_seeking_is_exact(program.folder / "piped.mkv")
    avi = program.make("plain.avi", *CODINGS["plain.avi"])
    data = avi.read_bytes()
    avi.write_bytes(data[: data.rindex(b"idx1")])
    header = bytearray(avi.read_bytes())
    header[4:8] = (len(header) - 8).to_bytes(4, "little")
    avi.write_bytes(header)
    assert_seeking_is_exact(avi)


def test_times_that_repeat_are_not_trusted(program: Program) -> None:
    source = program.make("closed.mkv", *CODINGS["plain.avi"])
    path = program.folder / "twice.mkv"
    with av.open(str(source)) as whole_file, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(whole_file.streams.video[0])
        for packet in whole_file.demux(video=0):
            if packet.pts is not None:
                packet.pts = packet.dts = packet.pts // 80 * 80  # every second one as its forerunner
                packet.stream = stream
                container.mux(packet)
    assert packet_index(path).order is None
    assert_seeking_is_exact(path)


def test_damage_elsewhere_is_not_seen_and_damage_here_is(program: Program) -> None:
    path = program.make("slices.mkv", *CODINGS["slices.mkv"])
    frames, _ = whole(path)
    begin = packet_index(path).packets.position[30]
    assert begin is not None
    data = bytearray(path.read_bytes())
    data[begin + 60 : begin + 80] = bytes(20)
    path.write_bytes(data)
    for indices in ([5, 20], [49], [40, 59]):
        for index, frame_hwc in zip(indices, frames_at(path, indices), strict=True):
            np.testing.assert_array_equal(frame_hwc, frames[index])
    with pytest.raises(VideoError, match=r"slices\.mkv"):
        list(frames_at(path, [30]))
    with pytest.raises(VideoError, match=r"slices\.mkv"):
        whole(path)


def test_damage_of_the_first_packets_is_seen(program: Program) -> None:
    """Also where no packet before the wanted frames is right: a file without checksums would look like that."""
    path = program.make("slices.mkv", *CODINGS["slices.mkv"])
    data = bytearray(path.read_bytes())
    for begin in list(packet_index(path).packets.position)[:4]:
        assert begin is not None
        data[begin + 60 : begin + 80] = bytes(20)
    path.write_bytes(data)
    with pytest.raises(VideoError, match="packet 0 contradicts its checksum"):
        list(frames_at(path, [0, 1, 2, 3]))


def test_a_file_that_changes_is_read_anew(program: Program) -> None:
    path = program.make("plain.avi", *CODINGS["plain.avi"])
    assert len(timeline(path)) == 60
    program.make("plain.avi", *CODINGS["plain.avi"], frames=30)
    assert len(timeline(path)) == 30
    assert describe_video(path).fps == 25


@pytest.mark.skipif("VIDGAUGE_TEST_VIDEOS" not in os.environ, reason="set VIDGAUGE_TEST_VIDEOS to a folder of videos")
def test_real_videos() -> None:
    folder = Path(os.environ["VIDGAUGE_TEST_VIDEOS"])
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in {".avi", ".gif", ".mp4"}]
    assert files
    for path in files:
        if "broken" not in path.parts:
            assert_seeking_is_exact(path)
