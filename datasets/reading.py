"""Videos as NumPy frames, whatever they are stored as: a container, an array or a folder of frames."""

from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidgauge.datasets.description import Description
from vidgauge.datasets.storages import EXTENSIONS as EXTENSIONS
from vidgauge.datasets.storages import storage_of


def describe_video(path: str | PathLike[str]) -> Description:
    """Size, rate and coding, from the header, the packets and the first frame; no other is decoded.

    Raises:
        VideoError: the file is missing, empty or no video, or its packets or its first frame show that it is damaged.
    """
    return storage_of(Path(path)).describe(Path(path))


def timeline(path: str | PathLike[str]) -> NDArray[np.float64]:
    """When each frame is shown: seconds, ``float64``, shape (frames,), in the order of display.

    There are as many as ``decode_frames`` gives frames of a whole file. They are ``nan`` where the file knows no times.
    Nothing is decoded, but for files whose packets do not tell how many frames they hold (rare codings, fields, files
    that were cut in front of a picture they need): those are decoded to their end.

    Raises:
        VideoError: the file is missing, empty or no video, or its packets show that it is damaged. Damage that only
            decoding shows is not seen.
    """
    return np.asarray(storage_of(Path(path)).timeline(Path(path)))


def decode_frames(path: str | PathLike[str]) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Frame by frame, so that memory holds one: RGB ``uint8`` (height, width, 3), and its time in seconds.

    Stop iterating and decoding stops. Damage that lies further on is then not seen.

    Raises:
        VideoError: the file is missing, empty, damaged, truncated or no video, when the iterator reaches the damage.
    """
    frames = storage_of(Path(path)).frames(Path(path))
    return ((np.asarray(frame_hwc), seconds) for frame_hwc, seconds in frames)


def frames_at(path: str | PathLike[str], indices: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    """The frames of these indices, byte for byte those of ``decode_frames``, decoding only what they need.

    Args:
        path: the video.
        indices: positions in ``timeline``, ascending and each once.

    Raises:
        VideoError: there is no frame of such an index, or one that is needed is damaged or missing. Damage elsewhere
            in the file is not seen.
    """
    assert all(earlier < later for earlier, later in zip((-1, *indices), indices, strict=False)), "ascending, distinct"
    return map(np.asarray, storage_of(Path(path)).frames_at(Path(path), indices))


def count_frames(path: str | PathLike[str]) -> int:
    """Decode everything and count, keeping nothing: a video is whole, or VideoError as from ``decode_frames``."""
    return storage_of(Path(path)).count(Path(path))
