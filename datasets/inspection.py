"""What a video is, and what is wrong with it: found out by decoding all of it."""

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from vidgauge.datasets.errors import VideoError
from vidgauge.datasets.folder import Entry
from vidgauge.datasets.reading import decode_frames, describe_video


@dataclass(frozen=True)
class Inspection:
    """Everything about one video that can be told in a line."""

    id: str
    """Path relative to the folder that is inspected."""
    label: str | None = None
    """Name of the class folder."""
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
    codec: str | None = None
    """How the frames are coded."""
    pixel_format: str | None = None
    """How libav calls the pixel layout."""
    uneven: bool = False
    """Whether some frame is shown more than half as long again as most: a variable rate, or frames that are missing."""
    wrong: str | None = None
    """Why the video cannot be read; empty where it can."""


def inspect_video(entry: Entry) -> Inspection:
    """Decode one video from its first frame to its last, holding one at a time."""
    try:
        described = describe_video(entry.path)
        times, height, width = [], 0, 0
        for frame_hwc, time in decode_frames(entry.path):
            height, width = frame_hwc.shape[:2]
            times.append(time)
    except VideoError as error:
        return Inspection(entry.id, entry.label, wrong=error.reason)
    fps = None if math.isnan(described.fps) else described.fps
    return Inspection(
        id=entry.id,
        label=entry.label,
        frames=len(times),
        width=width,
        height=height,
        fps=fps,
        seconds=len(times) / fps if fps else None,
        codec=described.codec,
        pixel_format=described.pixel_format,
        uneven=_uneven(times),
    )


def _uneven(times: list[float]) -> bool:
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return bool(gaps) and max(gaps) > 1.5 * median(gaps)  # never where the times are unknown: nan compares false
