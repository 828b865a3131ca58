"""Videos out, without loss: what is scored later must be what the model made."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from os import PathLike
from pathlib import Path

import av
import numpy as np
import torch
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidgauge.errors import UsageError


def write_video(path: str | PathLike[str], frames_thwc: torch.Tensor, fps: float) -> None:
    """Write a video so that ``read_video`` gives back every byte.

    Args:
        path: ``.mkv`` (FFV1), ``.npy``, or a name without extension for a folder of PNG frames, which must not exist
            yet. Missing parent folders are made; an existing file is replaced.
        frames_thwc: RGB frames, ``uint8``, shape (time, height, width, 3), at least one frame.
        fps: frames per second, above 0. Only ``.mkv`` can hold it; Matroska keeps times to the millisecond.

    Raises:
        UsageError: another extension (lossy formats are refused), dtype or shape, or a folder that already exists.
    """
    path = Path(path)
    _check(frames_thwc)
    _check_rate(fps)
    if path.suffix.lower() not in _WRITERS:
        raise UsageError(f"{path}: cannot be written without loss; use .mkv (FFV1), .npy, or no extension (PNG frames)")
    path.parent.mkdir(parents=True, exist_ok=True)
    _WRITERS[path.suffix.lower()](path, frames_thwc, fps)


@contextmanager
def video_writer(path: str | PathLike[str], fps: float) -> Iterator["VideoWriter"]:
    """For a video that comes in pieces: the block's ``video.write(frames_thwc)`` takes them one after the other.

    The file is there when the block ends, whole or not at all: an error inside leaves none, nor one of before undone.

    Args:
        path: ``.mkv`` (FFV1), the one format that needs not know how many frames will come.
        fps: frames per second, above 0.

    Raises:
        UsageError: another extension, no such rate, or a block that wrote no frame.
    """
    path = Path(path)
    _check_rate(fps)
    if path.suffix.lower() != ".mkv":
        raise UsageError(f"{path}: cannot be written piece by piece without loss; use .mkv (FFV1)")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    try:
        with av.open(str(partial.absolute()), "w", format="matroska") as container:
            video = VideoWriter(container, fps)
            yield video
            video.finish()
        partial.replace(path)  # a run that is interrupted leaves no file that looks whole
    finally:
        partial.unlink(missing_ok=True)


class VideoWriter:
    """What ``video_writer`` gives."""

    def __init__(self, container: OutputContainer, fps: float) -> None:
        self._container, self._fps = container, fps
        self._stream: VideoStream | None = None

    def write(self, frames_thwc: torch.Tensor) -> None:
        """Further RGB frames, ``uint8``, shape (time, height, width, 3), at least one.

        Raises:
            UsageError: another dtype or shape, or another size than those before.
        """
        _check(frames_thwc)
        stream = self._stream or self._begin(*frames_thwc.shape[1:3])
        if (stream.height, stream.width) != tuple(frames_thwc.shape[1:3]):
            size = "x".join(map(str, frames_thwc.shape[1:3]))
            raise UsageError(
                f"got frames of {size} after those of {stream.height}x{stream.width}; a video has one size"
            )
        for frame_hwc in _array(frames_thwc):
            self._container.mux(stream.encode(VideoFrame.from_ndarray(frame_hwc, format="rgb24")))

    def finish(self) -> None:
        """Write what the encoder still holds; ``video_writer`` does that."""
        if self._stream is None:
            raise UsageError("no frame was written; a video has at least one")
        self._container.mux(self._stream.encode(None))

    def _begin(self, height: int, width: int) -> VideoStream:
        # bgr0 is FFV1's 8-bit RGB: no matrix, no subsampling, so any size and every value survives.
        rate = _rational(self._fps)
        self._stream = self._container.add_stream("ffv1", rate=rate, options={"level": "3", "slicecrc": "1"})
        self._stream.height, self._stream.width = height, width
        self._stream.pix_fmt = "bgr0"
        self._stream.codec_context.thread_count = 1
        return self._stream


def _check(frames_thwc: torch.Tensor) -> None:
    shape = tuple(frames_thwc.shape)
    if frames_thwc.dtype != torch.uint8 or len(shape) != 4 or shape[3] != 3 or 0 in shape:
        raise UsageError(f"got {frames_thwc.dtype} {shape}, but a video is torch.uint8 (time, height, width, 3)")


def _check_rate(fps: float) -> None:
    if not (math.isfinite(fps) and fps > 0):
        raise UsageError(f"fps is {fps}, but must be a number above 0")


def _array(frames_thwc: torch.Tensor) -> np.ndarray:
    array: np.ndarray = frames_thwc.cpu().contiguous().numpy()
    return array


def _rational(fps: float) -> Fraction:
    """The nearest fraction a container can hold: 29.97 film rates become n/1001, others what they say."""
    ntsc = Fraction(round(fps * 1001 / 1000) * 1000, 1001)
    return ntsc if abs(ntsc - fps) < 1e-6 * fps else Fraction(fps).limit_denominator(10_000)


def _write_matroska(path: Path, frames_thwc: torch.Tensor, fps: float) -> None:
    with video_writer(path, fps) as video:
        video.write(frames_thwc)


def _write_array(path: Path, frames_thwc: torch.Tensor, fps: float) -> None:  # noqa: ARG001 - the format holds no rate
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        np.save(file, _array(frames_thwc), allow_pickle=False)
    partial.replace(path)


def _write_frame_folder(path: Path, frames_thwc: torch.Tensor, fps: float) -> None:  # noqa: ARG001 - as above
    if path.exists():
        raise UsageError(f"{path}: exists already; choose another folder for the frames, or remove it")
    path.mkdir()
    digits = max(6, len(str(len(frames_thwc))))
    for number, frame_hwc in enumerate(_array(frames_thwc)):
        VideoFrame.from_ndarray(frame_hwc, format="rgb24").save(path / f"{number:0{digits}d}.png")


_WRITERS = {".mkv": _write_matroska, ".npy": _write_array, "": _write_frame_folder}
