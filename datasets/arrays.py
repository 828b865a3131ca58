"""Frames out of NumPy files."""

import math
import stat
import zipfile
import zlib
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidgauge.datasets.description import Description
from vidgauge.datasets.errors import VideoError

_LARGEST_ARCHIVED = 2**32  # bytes: what is compressed is read as a whole
_ERRORS = (OSError, ValueError, EOFError, MemoryError, OverflowError, RuntimeError, zipfile.BadZipFile, zlib.error)


def describe(path: Path) -> Description:
    """Size of the frames; such a file knows no rate."""
    _, height, width, _ = _load_thwc(path).shape
    kind = path.suffix.lower()[1:]
    return Description(width, height, fps=math.nan, codec=kind, pixel_format="rgb24", container=kind)


def timeline(path: Path) -> "array[float]":
    """``nan`` for each frame."""
    return array("d", [math.nan]) * count(path)


def frames(path: Path) -> Iterator[tuple[memoryview, float]]:
    """Frame by frame: RGB bytes (height, width, 3), and ``nan`` for the unknown time."""
    for frame_hwc in _load_thwc(path):
        yield np.array(frame_hwc, order="C").data, math.nan


def frames_at(path: Path, indices: Sequence[int]) -> Iterator[memoryview]:
    """The frames of these indices; of a ``.npy`` file nothing else is read."""
    frames_thwc = _load_thwc(path)
    if indices and indices[-1] >= len(frames_thwc):
        raise VideoError(path, f"has {len(frames_thwc)} frames, so there is none of index {indices[-1]}")
    for index in indices:
        yield np.array(frames_thwc[index], order="C").data


def count(path: Path) -> int:
    """How many frames there are."""
    return len(_load_thwc(path))


def _load_thwc(path: Path) -> NDArray[np.uint8]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for a writer
            raise VideoError(path, "is no file but a pipe, a socket, a device or a folder")
        # Mapped, so that a clip of a large file does not read all of it.
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        array = loaded if isinstance(loaded, np.ndarray) else _only_array(path, loaded)
    except _ERRORS as error:
        raise VideoError(path, f"cannot be read as a NumPy file ({error})") from error
    if array.dtype != np.uint8:
        raise VideoError(path, f"holds {array.dtype}, but a video is uint8 with values 0 to 255")
    last, first = array.ndim == 4 and array.shape[3] == 3, array.ndim == 4 and array.shape[1] == 3
    if last == first:
        what = "either" if last else "neither"
        raise VideoError(
            path, f"has the shape {array.shape}: {what} (time, height, width, 3) nor (time, 3, height, width)"
        )
    if not array.size:
        raise VideoError(path, "has no frames")
    return array if last else array.transpose(0, 2, 3, 1)


def _only_array(path: Path, archive: "np.lib.npyio.NpzFile") -> np.ndarray:
    with archive:
        if len(archive.files) != 1:
            raise VideoError(
                path, f"holds {len(archive.files)} arrays ({', '.join(archive.files)}); a video is one array"
            )
        size = sum(member.file_size for member in archive.zip.infolist()) if archive.zip else 0
        if size > _LARGEST_ARCHIVED:
            raise VideoError(path, f"holds {size} bytes, more than the {_LARGEST_ARCHIVED} allowed; store it as .npy")
        array: np.ndarray = archive[archive.files[0]]
        return array
