"""Decoders side by side: ours, torchcodec and decord, each with one thread and as its documentation uses it.

All give RGB frames, ``uint8``, shaped (height, width, 3).
"""

import importlib.metadata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgauge.datasets import reading

BATCH = 16
"""Frames that torchcodec and decord give at once: their fast way, in bounded memory."""

Batches = Iterator[NDArray[np.uint8]]
"""Some frames at a time, shaped (frames, height, width, 3)."""


@dataclass(frozen=True)
class Decoder:
    """A way to frames."""

    package: str
    """The distribution it comes in."""
    whole: Callable[[Path], Batches]
    """All frames of a file."""
    clip: Callable[[Path, int, int], NDArray[np.uint8]]
    """A file just opened, the first frame, how many: those frames."""


def version(name: str) -> str | None:
    """Of a decoder's distribution; None where it is not installed."""
    try:
        return importlib.metadata.version(DECODERS[name].package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _our_whole(path: Path) -> Batches:
    return (frame_hwc[None] for frame_hwc, _ in reading.decode_frames(path))


def _our_clip(path: Path, first: int, count: int) -> NDArray[np.uint8]:
    """With the times of all frames, from which a clip rule chooses: the others look them up when they open a file."""
    indices = range(len(reading.timeline(path)))[first : first + count]
    return np.stack(list(reading.frames_at(path, indices)))


def _torchcodec(path: Path) -> Any:  # noqa: ANN401 - a peer's own class
    from torchcodec.decoders import VideoDecoder

    return VideoDecoder(str(path), dimension_order="NHWC", num_ffmpeg_threads=1, seek_mode="exact")


def _torchcodec_whole(path: Path) -> Batches:
    decoder = _torchcodec(path)
    for numbers in _batches(len(decoder)):
        yield decoder.get_frames_in_range(numbers[0], numbers[-1] + 1).data.numpy()


def _torchcodec_clip(path: Path, first: int, count: int) -> NDArray[np.uint8]:
    frames: NDArray[np.uint8] = _torchcodec(path).get_frames_in_range(first, first + count).data.numpy()
    return frames


def _decord(path: Path) -> Any:  # noqa: ANN401 - a peer's own class
    from decord import VideoReader

    return VideoReader(str(path), num_threads=1)


def _decord_whole(path: Path) -> Batches:
    reader = _decord(path)
    for numbers in _batches(len(reader)):
        yield reader.get_batch(numbers).asnumpy()


def _decord_clip(path: Path, first: int, count: int) -> NDArray[np.uint8]:
    frames: NDArray[np.uint8] = _decord(path).get_batch(range(first, first + count)).asnumpy()
    return frames


def _batches(frames: int) -> Iterator[Sequence[int]]:
    numbers = range(frames)
    return (numbers[start : start + BATCH] for start in range(0, frames, BATCH))


DECODERS = {
    "vidgauge": Decoder("vidgauge", _our_whole, _our_clip),
    "torchcodec": Decoder("torchcodec", _torchcodec_whole, _torchcodec_clip),
    "decord": Decoder("decord", _decord_whole, _decord_clip),
}
