"""What a video is, and what is wrong with it: found out by decoding all of it, or at a glance from its packets."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from vidgauge.datasets.decoding_jobs import Job
from vidgauge.datasets.errors import VideoError
from vidgauge.datasets.folder import Entry, reason_within
from vidgauge.datasets.isolation import examine
from vidgauge.datasets.reading import decode_frames, describe_video, timeline

_PIECE = 2**20


@dataclass(frozen=True)
class Inspection:
    """Everything about one video that can be told in a line."""

    id: str
    """Path relative to the folder that is inspected."""
    label: str | None = None
    """Name of the class folder."""
    bytes: int | None = None
    """Size on disk, of a folder that of its files; empty where it cannot be known."""
    frames: int | None = None
    """How many frames decode; empty, as everything below, where the video is broken."""
    width: int | None = None
    """Columns, upright."""
    height: int | None = None
    """Rows, upright."""
    fps: float | None = None
    """Frames per second; empty where the file does not say."""
    seconds: float | None = None
    """Length: frames divided by rate."""
    container: str | None = None
    """What the frames are stored in, whatever the name says."""
    codec: str | None = None
    """How they are coded."""
    pixel_format: str | None = None
    """How libav calls the pixel layout."""
    bits: int | None = None
    """Bits of a stored sample."""
    colour_space: str | None = None
    """How libav calls the matrix between the stored colours and RGB; ``unknown`` is decoded as BT.601."""
    colour_range: str | None = None
    """``full`` or ``limited``: which numbers are black and white; ``unknown`` is decoded as the pixel format asks."""
    rotation: int | None = None
    """Degrees clockwise by which decoding turns the frames upright."""
    mirrored: bool | None = None
    """Whether decoding mirrors them first."""
    interlaced: bool | None = None
    """Whether the first frame holds two fields, of different times."""
    pixel_aspect: float | None = None
    """Width of a pixel divided by its height; frames are not stretched."""
    uneven: bool = False
    """Whether some frame is shown more than half as long again as most: a variable rate, or frames that are missing."""
    digest: str | None = None
    """SHA-256 of the file's bytes: files of one digest are copies. Empty after a glance."""
    wrong: str | None = None
    """Why the video cannot be read; empty where it can."""

    @classmethod
    def of(
        cls, entry: Entry, described: dict[str, Any], times: Sequence[float], digest: str | None = None
    ) -> "Inspection":
        """What the fields of a ``Description`` and the time of each frame tell of a video that can be read."""
        fps = None if math.isnan(described["fps"]) else described["fps"]
        size = described["height"], described["width"]
        height, width = reversed(size) if described["rotation"] % 180 else size
        return cls(
            id=entry.id,
            label=entry.label,
            bytes=_bytes(entry.path),
            frames=len(times),
            seconds=len(times) / fps if fps else None,
            uneven=_uneven(times),
            digest=digest,
            **described | {"width": width, "height": height, "fps": fps},
        )


def inspect_videos(entries: Sequence[Entry], workers: int) -> Iterator[Inspection]:
    """Decode each video from its first frame to its last, holding one frame at a time.

    Args:
        entries: the videos.
        workers: decoder processes, so that a file that crashes its decoder is broken and nothing else; 0 decodes here.

    Returns:
        One inspection for each entry, in their order.
    """
    return _examined(entries, decode_all, workers)


def glance_at_videos(entries: Sequence[Entry], workers: int) -> Iterator[Inspection]:
    """The same from headers, packets and first frames: damage within other frames is not seen."""
    return _examined(entries, glance, workers)


def decode_all(path: Path) -> Iterator[Any]:
    """The job of a decoder process: fields of the description, the digest, and each frame's time."""
    yield asdict(describe_video(path))
    yield _digest(path)
    for _, seconds in decode_frames(path):
        yield seconds


def glance(path: Path) -> Iterator[Any]:
    """The same without a digest, and the times as the packets tell them."""
    yield asdict(describe_video(path))
    yield None
    yield from timeline(path).tolist()


def _examined(entries: Sequence[Entry], job: Job, workers: int) -> Iterator[Inspection]:
    answers = examine([entry.path for entry in entries], job, workers)
    for entry, (items, error) in zip(entries, answers, strict=True):
        if error is not None:
            yield Inspection(entry.id, entry.label, _bytes(entry.path), wrong=_reason(error, entry))
        else:
            description, digest, *times = items
            yield Inspection.of(entry, description, times, digest)


def _uneven(times: Sequence[float]) -> bool:
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return bool(gaps) and max(gaps) > 1.5 * median(gaps)  # never where the times are unknown: nan compares false


def _reason(error: VideoError, entry: Entry) -> str:
    return reason_within(entry, error).encode("utf-8", "backslashreplace").decode()


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for file in _files(path):
        with file.open("rb") as opened:
            while piece := opened.read(_PIECE):
                digest.update(piece)
    return digest.hexdigest()


def _bytes(path: Path) -> int | None:
    try:
        return sum(file.stat().st_size for file in _files(path))
    except OSError:
        return None


def _files(path: Path) -> list[Path]:
    """The file itself, or those in a folder of frames."""
    return sorted(child for child in path.iterdir() if child.is_file()) if path.is_dir() else [path]
