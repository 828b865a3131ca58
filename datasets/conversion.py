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
from vidgauge.datasets.orientation import orientation, upright_filters


class ToRGB:
    """Converts the frames of one file; where their format or colours change midway, from there on accordingly.

    Args:
        stream: where the frames come from.
        path: the file, for errors.
    """

    def __init__(self, stream: VideoStream, path: Path) -> None:
        self._stream = stream
        self._path = path
        self._size = ""
        self._arguments = ""
        self._graph = Graph()

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """RGB ``uint8`` (height, width, 3).

        Raises:
            VideoError: the frame differs in size from those before it, or is stored rotated by an odd angle.
        """
        size = f"{frame.width}x{frame.height}"
        self._size = self._size or size
        if size != self._size:
            raise VideoError(self._path, f"changes from {self._size} to {size} midway")
        arguments = _buffer_arguments(frame, self._stream)
        if arguments != self._arguments:
            self._graph = self._graph_for(frame, arguments)
            self._arguments = arguments
        self._graph.vpush(frame)
        # Contiguous: what libav hands out can have padded rows.
        return np.ascontiguousarray(self._graph.vpull().to_ndarray())

    def _graph_for(self, frame: VideoFrame, arguments: str) -> Graph:
        turned = orientation(frame)
        if turned is None:
            raise VideoError(self._path, "is stored turned by an angle that is no multiple of 90 degrees")
        graph = Graph()
        graph.threads = 1
        steps = [("buffer", arguments), *upright_filters(turned), ("format", "rgb24"), ("buffersink", "")]
        graph.link_nodes(*(graph.add(*step) for step in steps)).configure()
        return graph


def _buffer_arguments(frame: VideoFrame, stream: VideoStream) -> str:
    fields = {
        "video_size": f"{frame.width}x{frame.height}",
        "pix_fmt": frame.format.name,
        "time_base": stream.time_base or "1/1000",
        "colorspace": int(frame.colorspace),
        "range": int(frame.color_range),
    }
    return ":".join(f"{name}={value}" for name, value in fields.items())
