"""What videos are stored as, a container, an array or a folder of frames, and who reads which.

The door for processes that only decode: frames and times come as memory and not as NumPy's arrays, so that NumPy need
not be there, whose import takes more than twice as much memory as a frame in full HD. ``reading`` gives arrays.
"""

from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from vidgauge.datasets import containers, frame_folders
from vidgauge.datasets.description import Description
from vidgauge.datasets.errors import VideoError, unopened

_ARRAYS = (".npy", ".npz")

EXTENSIONS = (*containers.EXTENSIONS, *_ARRAYS)


class Storage(Protocol):
    """What each kind of storage answers; the modules themselves are the storages."""

    def describe(self, path: Path, /) -> Description:
        """Size, rate and coding."""

    def timeline(self, path: Path, /) -> "array[float]":
        """When each frame is shown."""

    def frames(self, path: Path, /) -> Iterator[tuple[memoryview, float]]:
        """All frames, RGB bytes shaped (height, width, 3), and their times."""

    def frames_at(self, path: Path, indices: Sequence[int], /) -> Iterator[memoryview]:
        """The frames of these indices."""

    def count(self, path: Path, /) -> int:
        """How many frames there are, found by decoding all of them."""


def storage_of(path: Path) -> Storage:
    """Who reads this video; VideoError where nobody does."""
    try:
        if path.is_dir():
            return frame_folders
    except OSError as error:  # a folder above it may not be entered
        raise unopened(path, error) from error
    if path.suffix.lower() in containers.EXTENSIONS:
        return containers
    if path.suffix.lower() in _ARRAYS:
        from vidgauge.datasets import arrays

        return arrays
    raise VideoError(path, f"is not a kind of video that can be read ({', '.join(EXTENSIONS)}, or a folder of images)")
