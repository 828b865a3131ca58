"""A file that is not whole is refused by name, never read as a shorter video."""

import io
import os
import pickle
import resource
import shutil
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.video.frame import VideoFrame

from vidgauge.datasets import VideoError, decode_frames, read_video, write_video
from vidgauge.datasets.names import printable
from vidgauge.datasets.reading import count_frames
from vidgauge.errors import VidgaugeError

Encode = Callable[..., Path]
Pattern = Callable[..., torch.Tensor]


@pytest.mark.parametrize("fraction", [0.02, 0.4, 0.7, 0.9])
@pytest.mark.parametrize("name", ["clip.avi", "clip.gif", "clip.mkv", "clip.mov", "clip.mp4", "clip.webm"])
def test_truncated_files_are_refused(encode: Encode, name: str, fraction: float) -> None:
    path = encode(name)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    with pytest.raises(VideoError, match=name) as caught:
        read_video(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(VideoError):
        count_frames(path)


@pytest.mark.parametrize("options", [{"movflags": "faststart"}, {"movflags": "frag_keyframe+empty_moov"}])
@pytest.mark.parametrize("fraction", [0.4, 0.7, 0.97])
def test_truncated_streaming_mp4_is_refused(encode: Encode, options: dict[str, str], fraction: float) -> None:
    """With the index in front, such a file opens and plays up to the cut."""
    path = encode("clip.mp4", container_options=options)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    with pytest.raises(VideoError):
        read_video(path)


@pytest.mark.parametrize("name", ["clip.mkv", "clip.webm", "clip.mp4", "clip.avi"])
def test_a_cut_exactly_between_two_frames_is_seen(encode: Encode, name: str) -> None:
    path = encode(name, container_options={"movflags": "faststart"} if name.endswith("mp4") else None)
    with av.open(str(path)) as container:
        ends = sorted(packet.pos + packet.size for packet in container.demux(video=0) if packet.pos is not None)
    path.write_bytes(path.read_bytes()[: ends[15]])
    with pytest.raises(VideoError):
        read_video(path)


@pytest.mark.parametrize("name", ["clip.gif", "clip.mov", "clip.mp4"])
def test_damage_in_the_middle_is_seen(encode: Encode, name: str) -> None:
    """From the beginning of a frame: what lies within one has no checksum, and may well decode to something else."""
    path = encode(name)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        begins = [packet.pos for packet in container.demux(video=0) if packet.pos is not None]
    middle = min(begins, key=lambda position: abs(position - len(data) // 2))
    data[middle : middle + 200] = bytes(range(50, 250))
    path.write_bytes(data)
    with pytest.raises(VideoError):
        read_video(path)


def test_damage_behind_the_frames_one_takes_is_not_looked_for(encode: Encode) -> None:
    path = encode("clip.gif")
    whole = read_video(path).frames_thwc
    path.write_bytes(path.read_bytes()[:-200])
    frames = decode_frames(path)
    assert torch.equal(next(frames)[0], whole[0])
    assert torch.equal(next(frames)[0], whole[1])
    with pytest.raises(VideoError):
        list(frames)


LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 12345\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (LFS_POINTER, "git lfs pull"),
        (b"../elsewhere/clip.mp4", "a line of text, '../elsewhere/clip.mp4'"),
        (b"<html>" * 200, "cannot be decoded"),
        (bytes(4096), "cannot be decoded"),
    ],
)
@pytest.mark.parametrize("extension", ["mp4", "avi", "gif", "png"])
def test_what_only_carries_a_videos_name_is_named(tmp_path: Path, content: bytes, reason: str, extension: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / f"clip.{extension}"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=rf"clip\.{extension}: .*{reason}"):
        read_video(folder if extension == "png" else path)


def test_missing_files_and_foreign_extensions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"absent\.mp4: cannot be opened"):
        read_video(tmp_path / "absent.mp4")
    with pytest.raises(VideoError, match=r"absent\.npy: cannot be read"):
        read_video(tmp_path / "absent.npy")
    with pytest.raises(VideoError, match=r"notes\.txt: .*\.mp4"):
        read_video(tmp_path / "notes.txt")
    with pytest.raises(VideoError, match="folder without frames"):
        read_video(tmp_path)


def silence(sample_format: str) -> av.AudioFrame:
    frame = av.AudioFrame(format=sample_format, layout="mono", samples=1024)
    frame.planes[0].update(bytes(frame.planes[0].buffer_size))  # new frames hold whatever lay in memory
    frame.sample_rate = 8000
    return frame


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = silence("fltp")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(VideoError, match="no video stream"):
        read_video(path)


@pytest.mark.parametrize("extension", ["png", "jpg"])
@pytest.mark.parametrize("fraction", [0.2, 0.7, 0.99])
def test_truncated_frames_are_refused(tmp_path: Path, pattern: Pattern, extension: str, fraction: float) -> None:
    for number, frame_hwc in enumerate(pattern(3).numpy()):
        VideoFrame.from_ndarray(frame_hwc, format="rgb24").save(tmp_path / f"{number}.{extension}")
    assert len(read_video(tmp_path).frames_thwc) == 3
    path = tmp_path / f"1.{extension}"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * fraction)])
    with pytest.raises(VideoError, match=rf"1\.{extension}"):
        read_video(tmp_path)


def test_truncated_arrays_are_refused(tmp_path: Path, pattern: Pattern) -> None:
    path = tmp_path / "video.npy"
    write_video(path, pattern(), 8)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(VideoError, match=r"video\.npy"):
        read_video(path)


def test_a_size_that_changes_midway_is_refused(tmp_path: Path, pattern: Pattern) -> None:
    parts = []
    for number, size in enumerate([32, 16]):
        parts.append(tmp_path / f"{number}.avi")
        with av.open(str(parts[-1]), "w") as container:
            stream = container.add_stream("mjpeg", rate=8)
            stream.height, stream.width, stream.pix_fmt = size, size, "yuvj420p"
            for frame_hwc in pattern(3, size, size).numpy():
                container.mux(stream.encode(VideoFrame.from_ndarray(frame_hwc, format="rgb24")))
            container.mux(stream.encode(None))
    joined = tmp_path / "joined.mkv"
    with av.open(str(joined), "w") as out, av.open(str(parts[0])) as first, av.open(str(parts[1])) as second:
        both = out.add_stream_from_template(first.streams.video[0])
        for offset, source in ((0, first), (3, second)):
            for packet in source.demux(video=0):
                if packet.size and packet.dts is not None:
                    packet.pts = packet.dts = packet.dts + offset
                    packet.stream = both
                    out.mux(packet)
    with pytest.raises(VideoError, match="changes from 32x32"):
        read_video(joined)


def test_names_with_colons_and_percent_signs_are_names(
    encode: Encode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encode("plain.mp4")
    expected = read_video(path).frames_thwc
    monkeypatch.chdir(tmp_path)
    for name in ("http:odd.mp4", "100%d.mp4", "-dash.mp4", "ünïcode 視頻.mp4"):
        shutil.copy(path, tmp_path / name)
        assert torch.equal(read_video(name).frames_thwc, expected)


def test_the_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(VideoError(Path("a.mp4"), "is\nbroken")))
    assert str(error) == "a.mp4: is broken"
    assert isinstance(error, VidgaugeError)
    assert error.exit_status == 1


@pytest.mark.parametrize("name", ["clip.mkv", "clip.mp4", "clip.avi", "clip.mov"])
def test_longer_sound_does_not_make_a_video_truncated(encode: Encode, tmp_path: Path, name: str) -> None:
    source = encode(name)
    path = tmp_path / f"with-sound{source.suffix}"
    with av.open(str(source)) as silent, av.open(str(path), "w") as container:
        video = container.add_stream_from_template(silent.streams.video[0])
        sound = container.add_stream("pcm_s16le" if name.endswith("avi") else "aac", rate=8000, layout="mono")
        for packet in silent.demux(video=0):
            if packet.size:
                packet.stream = video
                container.mux(packet)
        for number in range(20):  # 2.5 s of sound over 1 s of video
            frame = silence("s16" if name.endswith("avi") else "fltp")
            frame.pts = 1024 * number
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    assert torch.equal(read_video(path).frames_thwc, read_video(source).frames_thwc)


def test_frames_that_an_edit_list_hides_are_not_missing(encode: Encode, tmp_path: Path) -> None:
    """A clip cut without re-encoding keeps frames before its start, and says that they are not to be shown."""
    source = encode("clip.mp4")
    path = tmp_path / "trimmed.mp4"
    with av.open(str(source)) as whole, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.dts is not None and packet.pts is not None and packet.time_base is not None:
                shift = round(0.2 / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = stream
                container.mux(packet)
    video = read_video(path)
    assert torch.equal(video.frames_thwc, read_video(source).frames_thwc[-len(video.frames_thwc) :])
    assert len(video.frames_thwc) == count_frames(path) == 19
    assert video.fps == 25


@pytest.mark.parametrize("name", ["clip.mkv", "clip.mp4"])
def test_a_video_without_its_first_key_frame_is_not_a_shorter_video(encode: Encode, tmp_path: Path, name: str) -> None:
    """Decoders drop everything up to the next key frame without a word."""
    path = tmp_path / f"headless{Path(name).suffix}"
    with av.open(str(encode(name))) as whole, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(whole.streams.video[0])
        for number, packet in enumerate(whole.demux(video=0)):
            if packet.size and number > 2:
                packet.stream = stream
                container.mux(packet)
    with pytest.raises(VideoError, match="key frame"):
        read_video(path)


def test_dropped_frames_in_avi_are_not_missing(encode: Encode, pattern: Pattern) -> None:
    """AVI knows no times: a frame that is not there is an empty packet, and counts in the header."""
    path = encode("gaps.avi", pattern(7), rate=100, hundredths=[0, 1, 2, 6, 7, 12, 13])
    video = read_video(path)
    assert len(video.frames_thwc) == 7
    assert [round(100 * time) for time in video.timestamps.tolist()] == [0, 1, 2, 6, 7, 12, 13]
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 9 // 10])
    with pytest.raises(VideoError, match="truncated"):
        read_video(path)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi", "clip.npy", "clip.png"])
def test_pipes_and_sockets_do_not_hang(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    os.mkfifo(path)
    folder = tmp_path if name.endswith("png") else path
    with pytest.raises(VideoError, match="pipe, a socket, a device"):
        read_video(folder)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        with pytest.raises(VideoError, match="pipe, a socket, a device"):
            read_video(folder)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.npy", "folder"])
def test_links_in_circles_and_to_nowhere_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(tmp_path / f"other-{name}")
    with pytest.raises(VideoError, match=r"No such file|not a kind of video"):
        read_video(tmp_path / name)
    (tmp_path / f"other-{name}").symlink_to(tmp_path / name)
    with pytest.raises(VideoError, match=r"Too many levels|not a kind of video"):
        read_video(tmp_path / name)


def test_a_frame_that_is_a_link_to_nowhere_is_not_left_out(tmp_path: Path, pattern: Pattern) -> None:
    write_video(tmp_path / "frames", pattern(3), 8)
    (tmp_path / "frames" / "000001.png").unlink()
    (tmp_path / "frames" / "000001.png").symlink_to("elsewhere.png")
    with pytest.raises(VideoError, match=r"000001\.png: cannot be opened"):
        read_video(tmp_path / "frames")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to root")
@pytest.mark.parametrize("name", ["clip.mp4", "clip.npy", "folder", "closed/clip.mp4"])
def test_what_may_not_be_read_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.mkdir() if name == "folder" else path.write_bytes(b"content")
    locked = path.parent if name.startswith("closed") else path
    locked.chmod(0)
    try:
        with pytest.raises(VideoError, match="Permission denied"):
            read_video(path)
    finally:
        locked.chmod(0o700)


def test_names_of_any_bytes_are_read_and_told_in_one_line(encode: Encode, tmp_path: Path) -> None:
    source = encode("plain.mp4")
    expected = read_video(source).frames_thwc
    for name in (b"two\nlines.mp4", b"'quoted' \"twice\".mp4", b"100%d %s.mp4", b"not \xff\xfe utf-8.mp4", b" .mp4"):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        shutil.copy(source, path)
        assert torch.equal(read_video(path).frames_thwc, expected)
        path.write_bytes(b"")
        with pytest.raises(VideoError) as caught:
            read_video(path)
        assert str(caught.value) == f"{tmp_path}/{printable(path.name)}: is empty (0 bytes); fetch it again"


def test_huge_frames_are_refused_before_they_take_memory(encode: Encode, tmp_path: Path, pattern: Pattern) -> None:
    gif = encode("clip.gif")
    data = bytearray(gif.read_bytes())
    for size in (16_000, 65_535):
        data[6:10] = size.to_bytes(2, "little") * 2
        gif.write_bytes(data)
        with pytest.raises(VideoError, match=r"declares frames .* of more than 67108864 pixels"):
            read_video(gif)
    path = tmp_path / "video.mkv"
    write_video(path, pattern(2, 272, 320), 8)
    data = bytearray(path.read_bytes())
    for declared in (b"\xb0\x82\x01\x40", b"\xba\x82\x01\x10"):  # PixelWidth, PixelHeight
        begin = data.index(declared)
        data[begin + 2 : begin + 4] = (9000).to_bytes(2, "big")
    path.write_bytes(data)
    with pytest.raises(VideoError, match=r"declares frames .* of more than 67108864 pixels"):
        read_video(path)
    (tmp_path / "frames").mkdir()
    image = tmp_path / "frames" / "0.png"
    VideoFrame.from_ndarray(pattern(1)[0].numpy(), format="rgb24").save(image)
    data = bytearray(image.read_bytes())
    data[16:24] = (20_000).to_bytes(4, "big") * 2
    image.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(VideoError, match=r"0\.png"):
        read_video(tmp_path / "frames")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes; it declares 1.2 GB


def test_archives_that_unpack_to_far_too_much_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (10**6, 1000, 1000, 3)}
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("video.npy", header.getvalue())
    with pytest.raises(VideoError, match=r"bomb\.npz"):
        read_video(path)


@pytest.mark.parametrize("damaged", [0, 10, 11, 23])
def test_checksums_of_lossless_frames_are_heeded(tmp_path: Path, pattern: Pattern, damaged: int) -> None:
    """FFV1's decoder repeats an older frame in place of a damaged one, and says so in its log alone."""
    path = tmp_path / "video.mkv"
    write_video(path, pattern(), 8)
    with av.open(str(path)) as container:
        middles = [packet.pos + packet.size // 2 for packet in container.demux(video=0) if packet.pos is not None]
    data = bytearray(path.read_bytes())
    data[middles[damaged]] ^= 1
    path.write_bytes(data)
    with pytest.raises(VideoError, match=rf"packet {damaged} contradicts its checksum"):
        read_video(path)
