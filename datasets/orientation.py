"""How a file says that its frames are to be turned or mirrored, as phones and photographs do."""

import math
import struct
from typing import Any

from av.video.frame import VideoFrame

_TOLERANCE = math.tan(math.radians(0.5))  # the ffmpeg program rounds to whole degrees

UPRIGHT = (1, 0, 0, 1)
# Where the picture's right (a, b) and its bottom (c, d) come to lie, the first to the right and the second down, ->
# libav's filters that do it.
_FILTERS: dict[tuple[int, int, int, int], tuple[tuple[str, str], ...]] = {
    UPRIGHT: (),
    (-1, 0, 0, 1): (("hflip", ""),),
    (1, 0, 0, -1): (("vflip", ""),),
    (-1, 0, 0, -1): (("hflip", ""), ("vflip", "")),
    (0, 1, -1, 0): (("transpose", "clock"),),
    (0, -1, 1, 0): (("transpose", "cclock"),),
    (0, 1, 1, 0): (("transpose", "cclock_flip"),),
    (0, -1, -1, 0): (("transpose", "clock_flip"),),
}


def orientation(frame: VideoFrame) -> tuple[int, int, int, int] | None:
    """Which way up a frame is to be shown: the display matrix (ISO/IEC 14496-12, 8.3.2) without scale and translation.

    Returns:
        ``a, b, c, d``, each -1, 0 or 1: a point (x, y) of the stored frame is shown at (a x + c y, b x + d y); None
        where the frame is to be turned by an angle that is no multiple of 90 degrees, or skewed.
    """
    stored: Any = frame.side_data.get("DISPLAYMATRIX")  # PyAV's types know but few of the keys
    if stored is None:
        return UPRIGHT
    right_x, right_y, _, bottom_x, bottom_y, *_ = struct.unpack("=9i", bytes(stored))
    matrix = right_x, right_y, bottom_x, bottom_y
    if not any(matrix):  # means nothing, and the ffmpeg program takes it for no turn
        return UPRIGHT
    least = _TOLERANCE * max(map(abs, matrix))
    a, b, c, d = ((value > least) - (value < -least) for value in matrix)
    return (a, b, c, d) if (a, b, c, d) in _FILTERS else None


def upright_filters(turned: tuple[int, int, int, int]) -> tuple[tuple[str, str], ...]:
    """The filters of libav, with their arguments, that bring a frame of this orientation upright."""
    return _FILTERS[turned]


def degrees_and_mirror(turned: tuple[int, int, int, int]) -> tuple[int, bool]:
    """Degrees clockwise by which a frame is turned for display, after it is mirrored left to right if need be."""
    a, b, c, d = turned
    mirrored = a * d - b * c < 0
    return round(math.degrees(math.atan2(-b if mirrored else b, -a if mirrored else a))) % 360, mirrored
