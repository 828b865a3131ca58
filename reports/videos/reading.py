"""The first seconds of a video as pictures, whatever holds it: a file, an array, or a folder of frames."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from vidgauge.errors import VidgaugeError

if TYPE_CHECKING:
    from PIL import Image

FILES = frozenset({".mkv", ".mp4", ".webm", ".avi", ".mov", ".m4v", ".gif", ".mpg", ".mpeg", ".wmv", ".flv", ".ogv"})
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
ARRAY = ".npy"
_RATE = 8.0  # frames per second where nothing says it
_HIGHEST_RATE = 12.5  # of faster ones, every other frame is shown, or fewer
_MOST_FRAMES = 48
_LONGEST_SIDE = 256  # pixels of what is shown
_MOST_PIXELS = 2**26  # of a frame; larger ones are no video, or an attack


@dataclass(frozen=True)
class Pictures:
    """The beginning of a video, upright, in RGB, small."""

    images: "tuple[Image.Image, ...]"
    size: tuple[int, int]
    """Width and height of the video's own frames."""
    fps: float
    """At which these pictures follow each other."""
    every: int
    """1 if they are all frames up to the last of them, 2 if every other one, and so on."""
    whole: bool
    """Whether the video ends with them."""


def is_video(path: Path) -> bool:
    """Whether its name says that it holds one; a folder does where all that it holds are images."""
    if path.is_dir():
        return _holds_images_alone(path)
    # A link to nowhere is one too: reading it says what is wrong. A pipe is none: reading it would wait for ever.
    may_be_read = path.is_file() or not path.exists()
    return may_be_read and (path.suffix.lower() in FILES or path.suffix.lower() == ARRAY)


def _holds_images_alone(folder: Path) -> bool:
    try:
        inside = [entry for entry in islice(folder.iterdir(), 100) if not entry.name.startswith(".")]
    except OSError:
        return False
    return bool(inside) and all(entry.suffix.lower() in IMAGES for entry in inside)


def read(path: Path) -> Pictures:
    """Decode as much as is shown.

    Raises:
        VidgaugeError: with the reason why it cannot be.
    """
    try:
        fps, frames = _opened(path)
        every = max(1, math.ceil(fps / _HIGHEST_RATE))
        chosen = islice(frames, 0, _MOST_FRAMES * every + 1, every)
        first = next(chosen, None)
        shown = [_shrunk(image) for image in chain([first] if first else [], chosen)]  # at once: large ones fill memory
    except (OSError, ValueError, ArithmeticError, MemoryError) as error:  # PyAV's errors are OSErrors and ValueErrors
        raise VidgaugeError(_reason(error)) from error
    if first is None:
        raise VidgaugeError("has no frame")
    whole = len(shown) <= _MOST_FRAMES
    return Pictures(tuple(shown[:_MOST_FRAMES]), first.size, fps / every, every, whole)


def _shrunk(image: "Image.Image") -> "Image.Image":
    small = image.convert("RGB")
    small.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    return small


def _reason(error: BaseException) -> str:
    words = str(getattr(error, "strerror", None) or error).splitlines()
    return words[0] if words else type(error).__name__


def _opened(path: Path) -> "tuple[float, Iterator[Image.Image]]":
    """Its frames per second, and its frames."""
    if path.is_dir():
        return _RATE, _of_folder(path)
    if path.suffix.lower() == ARRAY:
        return _RATE, _of_array(path)
    return _of_container(path)


def _of_container(path: Path) -> "tuple[float, Iterator[Image.Image]]":
    import av

    with av.open(str(path.absolute())) as container:
        if not container.streams.video:
            raise VidgaugeError("holds no video")
        rate = container.streams.video[0].average_rate
    return float(rate) if rate else _RATE, _decoded(path)


def _decoded(path: Path) -> "Iterator[Image.Image]":
    import av
    from PIL import Image

    with av.open(str(path.absolute())) as container:
        for frame in container.decode(video=0):
            if frame.width * frame.height > _MOST_PIXELS:
                raise VidgaugeError(f"has frames of {frame.width}x{frame.height}, too large to show")
            image = Image.fromarray(frame.to_ndarray(format="rgb24"))
            yield image.rotate(frame.rotation, expand=True) if frame.rotation else image


def _of_array(path: Path) -> "Iterator[Image.Image]":
    import numpy as np
    from PIL import Image

    try:
        frames_thwc = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise VidgaugeError("is no array as NumPy writes it") from error
    if frames_thwc.dtype != np.uint8 or frames_thwc.ndim != 4 or frames_thwc.shape[3] != 3:
        raise VidgaugeError(f"holds {frames_thwc.dtype} {frames_thwc.shape}, no uint8 (time, height, width, 3)")
    for frame_hwc in frames_thwc:
        yield Image.fromarray(np.ascontiguousarray(frame_hwc))


def _of_folder(path: Path) -> "Iterator[Image.Image]":
    from PIL import Image

    # By number where names are numbers: 2.png comes before 10.png.
    files = [entry for entry in path.iterdir() if entry.suffix.lower() in IMAGES and not entry.name.startswith(".")]
    for file in sorted(files, key=lambda file: (len(file.name), file.name)):
        with Image.open(file) as image:
            yield image.convert("RGB")
