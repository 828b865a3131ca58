"""What can be said about a video without decoding its frames."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Description:
    """Size, rate and coding of one video."""

    width: int
    """Columns of a frame as stored; a rotation in the file's metadata may exchange them with the rows."""
    height: int
    """Rows of a frame as stored."""
    fps: float
    """Frames per second; ``nan`` where the file does not say."""
    codec: str
    """How libav calls the coding, or ``npy``, ``npz``."""
    pixel_format: str
    """How libav calls the pixel layout, such as ``yuv420p``."""


def frame_rate(declared: float, timestamps: list[float]) -> float:
    """The rate a file declares, unless its own timestamps contradict it.

    Args:
        declared: frames per second by the file's header; 0 where it says nothing.
        timestamps: presentation times in seconds, ascending.

    Returns:
        Frames per second: the declared rate where it predicts the time between the first and the last frame to within
        one frame, otherwise the average rate over that time; ``nan`` where neither is known.
    """
    intervals = len(timestamps) - 1
    span = timestamps[-1] - timestamps[0] if timestamps else 0.0
    if span <= 0 or (declared > 0 and abs(intervals / declared - span) < 1.5 / declared):
        return declared or math.nan
    return intervals / span
