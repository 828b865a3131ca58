"""Videos out, without loss: what is scored later must be what the model made."""

import math
from fractions import Fraction
from os import PathLike
from pathlib import Path

import av
import numpy as np
import torch
from av.video.frame import VideoFrame

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
    _check(frames_thwc, fps)
    if path.suffix.lower() not in _WRITERS:
        raise UsageError(f"{path}: cannot be written without loss; use .mkv (FFV1), .npy, or no extension (PNG frames)")
    path.parent.mkdir(parents=True, exist_ok=True)
    _WRITERS[path.suffix.lower()](path, frames_thwc.cpu().contiguous().numpy(), fps)


def _check(frames_thwc: torch.Tensor, fps: float) -> None:
    shape = tuple(frames_thwc.shape)
    if frames_thwc.dtype != torch.uint8 or len(shape) != 4 or shape[3] != 3 or 0 in shape:
        raise UsageError(f"got {frames_thwc.dtype} {shape}, but a video is torch.uint8 (time, height, width, 3)")
    if not (math.isfinite(fps) and fps > 0):
        raise UsageError(f"fps is {fps}, but must be a number above 0")


def _write_matroska(path: Path, frames_thwc: np.ndarray, fps: float) -> None:
    # bgr0 is FFV1's 8-bit RGB: no matrix, no subsampling, so any size and every value survives.
    partial = path.with_name(path.name + ".part")
    with av.open(str(partial.absolute()), "w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=_rational(fps), options={"level": "3", "slicecrc": "1"})
        stream.height, stream.width = frames_thwc.shape[1:3]
        stream.pix_fmt = "bgr0"
        stream.codec_context.thread_count = 1
        for frame_hwc in frames_thwc:
            container.mux(stream.encode(VideoFrame.from_ndarray(frame_hwc, format="rgb24")))
        container.mux(stream.encode(None))
    partial.replace(path)  # a run that is interrupted leaves no file that looks whole


def _rational(fps: float) -> Fraction:
    """The nearest fraction a container can hold: 29.97 film rates become n/1001, others what they say."""
    ntsc = Fraction(round(fps * 1001 / 1000) * 1000, 1001)
    return ntsc if abs(ntsc - fps) < 1e-6 * fps else Fraction(fps).limit_denominator(10_000)


def _write_array(path: Path, frames_thwc: np.ndarray, fps: float) -> None:  # noqa: ARG001 - the format holds no rate
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        np.save(file, frames_thwc, allow_pickle=False)
    partial.replace(path)


def _write_frame_folder(path: Path, frames_thwc: np.ndarray, fps: float) -> None:  # noqa: ARG001 - as above
    if path.exists():
        raise UsageError(f"{path}: exists already; choose another folder for the frames, or remove it")
    path.mkdir()
    digits = max(6, len(str(len(frames_thwc))))
    for number, frame_hwc in enumerate(frames_thwc):
        VideoFrame.from_ndarray(frame_hwc, format="rgb24").save(path / f"{number:0{digits}d}.png")


_WRITERS = {".mkv": _write_matroska, ".npy": _write_array, "": _write_frame_folder}
