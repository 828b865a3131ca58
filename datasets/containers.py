"""Frames out of video containers (and single images), by libav through PyAV.

One decoder thread and one filter thread: files are decoded side by side, never one file by several threads, so a
result cannot depend on how many there are.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidgauge.datasets.completeness import what_is_missing
from vidgauge.datasets.conversion import ToRGB
from vidgauge.datasets.description import Description, frame_rate
from vidgauge.datasets.errors import VideoError

EXTENSIONS = (".avi", ".gif", ".mkv", ".mov", ".mp4", ".webm")
IMAGE_EXTENSIONS = (".jpeg", ".jpg", ".png")

_LFS_POINTER = "version https://git-lfs.github.com/spec/"
_SMALLEST_VIDEO = 512  # bytes; text below this is something else that carries a video's name


def describe(path: Path) -> Description:
    """Size, rate and coding, from the header and the packets' timestamps; nothing is decoded."""
    with _opened(path) as (container, stream):
        tick = stream.time_base or Fraction(0)
        packets = (packet for packet in container.demux(stream) if not packet.is_discard)
        shown = sorted(float(packet.pts * tick) for packet in packets if packet.pts is not None)
        # A GIF has delays and no rate: libav guesses one from the first of them.
        declared = 0.0 if container.format.name == "gif" else float(stream.average_rate or 0)
        return Description(
            width=stream.codec_context.width,
            height=stream.codec_context.height,
            fps=frame_rate(declared, shown),
            codec=stream.codec_context.name,
            pixel_format=stream.codec_context.pix_fmt or "unknown",
        )


def frames(path: Path) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Decode frame by frame: RGB ``uint8`` (height, width, 3) and its time in seconds."""
    with _opened(path) as (container, stream):
        convert: ToRGB | None = None
        following = 0.0
        for frame in _decoded(container, stream, path):
            convert = convert or ToRGB(frame, stream, path)
            # AVI knows no presentation times, and what libav makes up for it jumps back and forth at B-frames.
            ticks = frame.dts if container.format.name == "avi" else frame.pts
            seconds = following if ticks is None else _seconds(ticks, stream)
            following = seconds + 1 / float(stream.average_rate or math.nan)
            yield convert(frame), seconds


def _seconds(ticks: int, stream: VideoStream) -> float:
    # frame.time would do, but the last frames that a decoder hands out do not know their unit.
    return math.nan if stream.time_base is None else float(ticks * stream.time_base)


def timeline(path: Path) -> NDArray[np.float64]:
    """When each frame is shown, in seconds."""
    return np.array([seconds for _, seconds in frames(path)])


def frames_at(path: Path, indices: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    """The frames of these indices."""
    wanted = set(indices)
    for index, (frame_hwc, _) in enumerate(frames(path)):
        if not wanted:
            return
        if index in wanted:
            wanted.remove(index)
            yield frame_hwc
    if wanted:
        raise VideoError(path, f"has {index + 1} frames, so there is none of index {indices[-1]}")


def count(path: Path) -> int:
    """Decode everything and count the frames, without converting or keeping them."""
    with _opened(path) as (container, stream):
        return sum(1 for _ in _decoded(container, stream, path))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    _refuse_stand_ins(path)
    # Left to itself, libav would read a "%" in an image's name as the pattern of a sequence.
    image = path.suffix.lower() in IMAGE_EXTENSIONS
    container_format, options = ("image2", {"pattern_type": "none"}) if image else (None, None)
    try:
        # An absolute path cannot be taken for a protocol, as "a:b.mp4" can.
        with av.open(str(path.absolute()), "r", container_format, options, metadata_errors="replace") as container:
            if not container.streams.video:
                raise VideoError(path, "has no video stream")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise VideoError(path, "its video stream is damaged, or coded in a way that this build cannot decode")
            stream.codec_context.thread_count = 1
            yield container, stream
    except (av.FFmpegError, OSError) as error:
        raise VideoError(path, f"cannot be decoded ({error.strerror or error})") from error


def _refuse_stand_ins(path: Path) -> None:
    """Name what carries a video's name and is none: an empty file, a Git LFS pointer, a link checked out as text."""
    try:
        with path.open("rb") as file:
            head = file.read(_SMALLEST_VIDEO)
    except OSError as error:
        raise VideoError(path, f"cannot be opened ({error.strerror})") from error
    if not head:
        raise VideoError(path, "is empty (0 bytes); fetch it again")
    text = head.decode("ascii", errors="replace")
    if text.startswith(_LFS_POINTER):
        raise VideoError(path, "is a Git LFS pointer, not a video; run `git lfs pull` in its repository")
    if len(head) < _SMALLEST_VIDEO and text.replace("\n", " ").isprintable() and text.isascii():
        raise VideoError(path, f"is not a video but a line of text, {text[:100]!r}: a link to one, stored as a file?")


def _decoded(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[VideoFrame]:
    """All frames of the stream, or VideoError at the first sign that one is missing or damaged."""
    n_frames = end = 0
    opening: int | None = None  # when the first packet would be shown, if it needs frames that came before it
    last: VideoFrame | None = None
    for number, packet in enumerate(container.demux(stream)):
        if packet.is_corrupt:
            raise VideoError(path, f"is truncated or damaged: packet {number} is incomplete")
        if number == 0 and not packet.is_keyframe:
            opening = packet.pts
        if packet.size == 0:  # to the decoder this means the end, but it may stand for a repeated frame
            continue
        end = packet.dts if packet.dts is not None else end
        for last in _sound(stream.decode(packet), n_frames, path):
            # Decoders drop everything up to the next key frame without a word.
            if n_frames == 0 and opening is not None and last.pts is not None and last.pts > opening:
                raise VideoError(path, "was cut in front of a key frame: its first frames cannot be decoded")
            n_frames += 1
            yield last
    for last in _sound(stream.decode(None), n_frames, path):
        n_frames += 1
        yield last
    if last is None:
        raise VideoError(path, "has no frames")
    missing = what_is_missing(container, stream, path, end, n_frames, last)
    if missing:
        raise VideoError(path, f"is truncated or damaged: {missing}")


def _sound(decoded: list[VideoFrame], n_before: int, path: Path) -> Iterator[VideoFrame]:
    for number, frame in enumerate(decoded, start=n_before):
        if frame.is_corrupt:
            raise VideoError(path, f"is truncated or damaged: frame {number} decodes with errors")
        yield frame
