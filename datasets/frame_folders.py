"""Frames out of folders of images: one folder is one video."""

import math
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from vidgauge.datasets import containers
from vidgauge.datasets.description import Description
from vidgauge.datasets.errors import VideoError, unopened
from vidgauge.datasets.libav import IMAGE_EXTENSIONS


def describe(path: Path) -> Description:
    """Size and coding of the first image; such a folder knows no rate."""
    return replace(containers.describe(_images(path)[0]), fps=math.nan, container="folder")


def frames(path: Path) -> Iterator[tuple[memoryview, float]]:
    """Frame by frame in natural order (2 before 10): RGB bytes (height, width, 3), and ``nan`` for its time."""
    return ((frame_hwc, math.nan) for frame_hwc in _of_one_size(_images(path)))


def frames_at(path: Path, indices: Sequence[int]) -> Iterator[memoryview]:
    """The frames of these indices; no other file is opened."""
    images = _images(path)
    if indices and indices[-1] >= len(images):
        raise VideoError(path, f"has {len(images)} frames, so there is none of index {indices[-1]}")
    yield from _of_one_size([images[index] for index in indices])


def timeline(path: Path) -> "array[float]":
    """``nan`` for each frame."""
    return array("d", [math.nan]) * len(_images(path))


def count(path: Path) -> int:
    """Decode everything and count the frames, keeping none."""
    return sum(1 for _ in frames(path))


def _of_one_size(files: list[Path]) -> Iterator[memoryview]:
    first = ""
    for file in files:
        frame_hwc = _only_frame(file)
        size = _size(frame_hwc)
        first = first or size
        if size != first:
            raise VideoError(file, f"is {size}, but {files[0].name} is {first}")
        yield frame_hwc


def _only_frame(file: Path) -> memoryview:
    decoded = [frame_hwc for frame_hwc, _ in containers.frames(file)]  # to its end, which shows whether it is complete
    if len(decoded) != 1:
        raise VideoError(file, f"holds {len(decoded)} pictures, but a frame is one")
    return decoded[0]


def _images(path: Path) -> list[Path]:
    try:
        images = sorted((entry for entry in path.iterdir() if _is_image(entry)), key=_natural)
    except OSError as error:
        raise unopened(path, error) from error
    if not images:
        raise VideoError(path, f"is a folder without frames ({', '.join(IMAGE_EXTENSIONS)})")
    return images


def _is_image(path: Path) -> bool:
    # A link to nowhere, too: reading it will say what is wrong, and no frame is left out in silence.
    return path.suffix.lower() in IMAGE_EXTENSIONS and not path.name.startswith(".") and not path.is_dir()


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Numbers compare as numbers; the name itself decides between 1.png and 01.png."""
    parts = re.split(r"([0-9]+)", path.name)
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts], path.name


def _size(frame_hwc: memoryview) -> str:
    height, width, _ = frame_hwc.shape or ()
    return f"{width}x{height}"
