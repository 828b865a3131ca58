"""From decoded frames to upright RGB, as the ffmpeg program does it: through a filter graph.

PyAV's own ``to_ndarray("rgb24")`` differs from that on 10-bit video.
"""

import gc
from pathlib import Path

from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

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
        self._layout: tuple[object, ...] = ()
        self._graph = Graph()
        self._tied = False  # whether a frame that nobody needs any more may still be there

    def __call__(self, frame: VideoFrame) -> memoryview:
        """RGB, bytes shaped (height, width, 3).

        Raises:
            VideoError: the frame differs in size from those before it, or is stored rotated by an odd angle.
        """
        layout = frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range
        if layout != self._layout:
            if self._layout and layout[:2] != self._layout[:2]:
                was, now = (f"{width}x{height}" for width, height, *_ in (self._layout, layout))
                raise VideoError(self._path, f"changes from {was} to {now} midway")
            self._graph, self._layout, self._tied = self._graph_for(frame), layout, True
        elif self._tied:  # asking for its orientation ties a frame to its side data in a cycle, picture and all
            gc.collect(1)
            self._tied = False
        self._graph.vpush(frame)
        return _pixels(self._graph.vpull())

    def _graph_for(self, frame: VideoFrame) -> Graph:
        turned = orientation(frame)
        if turned is None:
            raise VideoError(self._path, "is stored turned by an angle that is no multiple of 90 degrees")
        graph = Graph()
        graph.threads = 1
        arguments = _buffer_arguments(frame, self._stream)
        steps = [("buffer", arguments), *upright_filters(turned), ("format", "rgb24"), ("buffersink", "")]
        graph.link_nodes(*(graph.add(*step) for step in steps)).configure()
        return graph


def _pixels(frame: VideoFrame) -> memoryview:
    """The frame's own memory, which lives as long as the view; a copy where libav has padded the rows."""
    (plane,) = frame.planes
    memory, width = memoryview(plane), 3 * frame.width
    if plane.line_size == width:
        pixels = memory[: frame.height * width]
    else:
        begins = range(0, frame.height * plane.line_size, plane.line_size)
        pixels = memoryview(bytearray().join(memory[begin : begin + width] for begin in begins))
    return pixels.cast("B", (frame.height, frame.width, 3))


def _buffer_arguments(frame: VideoFrame, stream: VideoStream) -> str:
    fields = {
        "video_size": f"{frame.width}x{frame.height}",
        "pix_fmt": frame.format.name,
        "time_base": stream.time_base or "1/1000",
        "colorspace": int(frame.colorspace),
        "range": int(frame.color_range),
    }
    return ":".join(f"{name}={value}" for name, value in fields.items())
