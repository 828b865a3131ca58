"""Frames out of video containers (and single images), by libav through PyAV."""

import math
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

from av.video.stream import VideoStream

from vidgauge.datasets.conversion import ToRGB
from vidgauge.datasets.decoding import decoded, packet_index
from vidgauge.datasets.description import Description, frame_rate
from vidgauge.datasets.libav import opened
from vidgauge.datasets.orientation import UPRIGHT, degrees_and_mirror, orientation
from vidgauge.datasets.packets import PacketLog
from vidgauge.datasets.seeking import decoded_at

# libav's names and numbers (AVCOL_SPC_*, AVCOL_RANGE_*).
_CONTAINERS = {"matroska,webm": "matroska", "mov,mp4,m4a,3gp,3g2,mj2": "mp4"}
_COLOUR_SPACES = {
    0: "rgb",
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
}
_COLOUR_RANGES = {1: "limited", 2: "full"}

EXTENSIONS = (".3gp", ".avi", ".flv", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")


def describe(path: Path) -> Description:
    """Size, rate and coding, from the header, the packets and the first frame."""
    index = packet_index(path)
    with opened(path) as (container, stream):
        first = next(decoded(container, stream, path, PacketLog(container, stream)))
        rotation, mirrored = degrees_and_mirror(orientation(first) or UPRIGHT)
        # A GIF has delays and no rate: libav guesses one from the first of them.
        declared = 0.0 if container.format.name == "gif" else float(stream.average_rate or 0)
        return Description(
            width=first.width,
            height=first.height,
            fps=frame_rate(declared, index.shown_at),
            codec=stream.codec_context.codec.canonical_name,
            pixel_format=first.format.name,
            container=_CONTAINERS.get(container.format.name, container.format.name),
            bits=max(component.bits for component in first.format.components),
            colour_space=_COLOUR_SPACES.get(int(first.colorspace), "unknown"),
            colour_range=_COLOUR_RANGES.get(int(first.color_range), "unknown"),
            rotation=rotation,
            mirrored=mirrored,
            interlaced=first.interlaced_frame,
            pixel_aspect=float(stream.sample_aspect_ratio or 1),
        )


def timeline(path: Path) -> "array[float]":
    """When each frame is shown, in seconds; where the packets do not tell how many frames there are, by decoding."""
    times = packet_index(path).times
    if times is not None:
        return array("d", times)
    with opened(path) as (container, stream):
        log = PacketLog(container, stream)
        clock = _Clock(stream, log)
        return array("d", (clock.time(frame.pts) for frame in decoded(container, stream, path, log)))


def frames(path: Path) -> Iterator[tuple[memoryview, float]]:
    """Decode frame by frame: RGB bytes (height, width, 3) and its time in seconds."""
    with opened(path) as (container, stream):
        log = PacketLog(container, stream)
        clock, convert = _Clock(stream, log), ToRGB(stream, path)
        for frame in decoded(container, stream, path, log):
            yield convert(frame), clock.time(frame.pts)
            del frame  # or it would be held while the next is decoded


def frames_at(path: Path, indices: Sequence[int]) -> Iterator[memoryview]:
    """The frames of these indices; only what they need is decoded."""
    convert: ToRGB | None = None
    for frame, stream in decoded_at(path, indices):
        convert = convert or ToRGB(stream, path)
        yield convert(frame)
        del frame  # or it would be held while the next is decoded


def count(path: Path) -> int:
    """Decode everything and count the frames, without converting or keeping them."""
    with opened(path) as (container, stream):
        return sum(1 for _ in decoded(container, stream, path, PacketLog(container, stream)))


class _Clock:
    """Tells when frames are shown."""

    def __init__(self, stream: VideoStream, log: PacketLog) -> None:
        self._stream = stream
        self._log = log
        self._count = 0
        self._following = 0.0

    def time(self, pts: int | None) -> float:
        """Seconds, of the next frame."""
        slots = self._log.slots
        ticks = pts if not self._log.timeless else slots[self._count] if self._count < len(slots) else None
        self._count += 1
        # frame.time would do, but the last frames that a decoder hands out do not know their unit.
        tick = math.nan if self._stream.time_base is None else self._stream.time_base
        seconds = self._following if ticks is None else float(ticks * tick)
        self._following = seconds + 1 / float(self._stream.average_rate or math.nan)
        return seconds
