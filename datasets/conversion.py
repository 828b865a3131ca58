"""From decoded frames to upright RGB, as the ffmpeg program does it: through a filter graph.

PyAV's own ``to_ndarray("rgb24")`` differs from that on 10-bit video.
"""

from pathlib import Path

import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidgauge.datasets.errors import VideoError

# Counterclockwise degrees in the file's display matrix -> filters that bring the frames upright.
_UPRIGHT = {
    0: (),
    90: (("transpose", "cclock"),),
    -90: (("transpose", "clock"),),
    180: (("hflip", ""), ("vflip", "")),
    -180: (("hflip", ""), ("vflip", "")),
}


class ToRGB:
    """One file's conversion, set up by its first frame.

    Args:
        first: that frame.
        stream: where it comes from.
        path: the file, for errors.

    Raises:
        VideoError: the file is stored rotated by an odd angle, or a later frame differs in size or pixel format.
    """

    def __init__(self, first: VideoFrame, stream: VideoStream, path: Path) -> None:
        if first.rotation not in _UPRIGHT:
            raise VideoError(path, f"is stored rotated by {first.rotation} degrees, which is no multiple of 90")
        self._path = path
        self._layout = _layout(first)
        self._graph = Graph()
        self._graph.threads = 1
        filters = [
            ("buffer", _buffer_arguments(first, stream)),
            *_UPRIGHT[first.rotation],
            ("format", "rgb24"),
            ("buffersink", ""),
        ]
        self._graph.link_nodes(*(self._graph.add(*step) for step in filters)).configure()

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """RGB ``uint8`` (height, width, 3)."""
        if _layout(frame) != self._layout:
            raise VideoError(self._path, f"changes from {self._layout} to {_layout(frame)} midway")
        self._graph.vpush(frame)
        # A copy: what libav hands out has padded rows, and lives in its memory pool.
        return np.ascontiguousarray(self._graph.vpull().to_ndarray())


def _layout(frame: VideoFrame) -> str:
    return f"{frame.width}x{frame.height} {frame.format.name}"


def _buffer_arguments(frame: VideoFrame, stream: VideoStream) -> str:
    fields = {
        "video_size": f"{frame.width}x{frame.height}",
        "pix_fmt": frame.format.name,
        "time_base": stream.time_base or "1/1000",
        "colorspace": int(frame.colorspace),
        "range": int(frame.color_range),
    }
    return ":".join(f"{name}={value}" for name, value in fields.items())
