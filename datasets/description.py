"""What can be said about a video without decoding more than its first frame."""

import math
from collections.abc import Sequence
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
    """How libav calls the coding, such as ``h264``; ``npy``, ``npz``."""
    pixel_format: str
    """How libav calls the pixel layout, such as ``yuv420p``."""
    container: str
    """What the file is, whatever its name says: ``avi``, ``gif``, ``matroska``, ``mp4`` (``mov`` too), ``npy``,
    ``npz``, or ``folder``."""
    bits: int = 8
    """Bits of a stored sample."""
    colour_space: str = "rgb"
    """How libav calls the matrix between the stored colours and RGB, such as ``bt709``; ``unknown`` where the file does
    not say, which is decoded as BT.601."""
    colour_range: str = "full"
    """``full``, ``limited``, or ``unknown`` where the file does not say, which is decoded as limited unless the pixel
    format says otherwise (``yuvj420p``, grey, RGB)."""
    rotation: int = 0
    """Degrees clockwise by which decoding turns the stored frames to bring them upright."""
    mirrored: bool = False
    """Whether decoding mirrors them left to right, before it turns them."""
    interlaced: bool = False
    """Whether the first frame is made of two fields, of different times; frames come out as coded."""
    pixel_aspect: float = 1.0
    """Width of a pixel divided by its height, where the file says; frames come out as coded, not stretched."""


def frame_rate(declared: float, timestamps: Sequence[float]) -> float:
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
