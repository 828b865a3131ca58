"""A video read from disk into tensors: the edge at which torch begins."""

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike

import torch

from vidgauge.datasets import reading


@dataclass(frozen=True, eq=False)
class Video:
    """A whole video in memory."""

    frames_thwc: torch.Tensor
    """RGB frames, ``uint8``, shape (time, height, width, 3)."""
    fps: float
    """Frames per second, the average where the rate varies; ``nan`` where the file does not say (arrays, folders)."""
    timestamps: torch.Tensor
    """When each frame is shown, seconds, ``float64``, shape (time,); ``nan`` where the file does not say."""


def read_video(path: str | PathLike[str]) -> Video:
    """Read a whole video: a file of one of ``reading.EXTENSIONS``, or a folder of png or jpg frames.

    Frames are exactly those that the ``ffmpeg`` program gives as ``rgb24``, turned upright by the file's metadata.

    Args:
        path: the file, or the folder of frames (natural order: 2 before 10). Arrays are ``uint8``, shaped
            (time, height, width, 3) or (time, 3, height, width).

    Returns:
        All frames, the rate and the times.

    Raises:
        VideoError: the file is missing, empty, damaged, truncated or no video; the message names it and the reason.
    """
    description = reading.describe_video(path)
    frames, timestamps = zip(*decode_frames(path), strict=True)
    return Video(torch.stack(frames), description.fps, torch.tensor(timestamps, dtype=torch.float64))


def decode_frames(path: str | PathLike[str]) -> Iterator[tuple[torch.Tensor, float]]:
    """Frame by frame, so that memory holds one: RGB ``uint8`` (height, width, 3), and its time in seconds.

    Stop iterating and decoding stops. Damage that lies further on is then not seen.

    Raises:
        VideoError: as ``read_video``, when the iterator reaches the damage.
    """
    return ((torch.from_numpy(frame_hwc), seconds) for frame_hwc, seconds in reading.decode_frames(path))
