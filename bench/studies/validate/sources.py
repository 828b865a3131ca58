"""Where undistorted clips come from: Moving Shapes, or real videos."""

from collections.abc import Iterator
from itertools import islice
from typing import Protocol

import torch

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.loading import Clip, Failure, iterate_clips
from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.datasets.sample import Sample
from vidgauge.metrics.video_set import VideoSet

_SEED = 4_000_001
"""Of a world that no network and no system is trained on, and of the order in which real videos are taken."""
_SIDE = 64
_WORKERS = 2


class Source(Protocol):
    """Videos to cut clips from."""

    name: str
    failed: list[str]
    """The videos that gave no clip so far, and why."""

    def clips(self, frames: int, count: int) -> Iterator[Sample]:
        """Clips of that many frames, one a video, at most so many; always the same ones."""
        ...


class Shapes:
    """Scenes of Moving Shapes."""

    name = "moving-shapes"

    def __init__(self) -> None:
        self.failed: list[str] = []

    def clips(self, frames: int, count: int) -> Iterator[Sample]:
        """Clips of 64x64 pixels."""
        return iter(MovingShapes(frames, _SIDE, _SIDE, seed=_SEED, count=count))


class RealVideos:
    """The beginnings of real videos, which are taken in random order, so that both halves have all kinds.

    Args:
        given: a file, a folder, or a data set as NAME@ROOT:SPLIT.
        captions: file of captions; those of the data set count without one.

    Raises:
        UsageError: for a path without videos, and captions that do not fit.
    """

    def __init__(self, given: str, captions: str | None) -> None:
        self._videos = VideoSet.open(given)
        self._captions = self._videos.captions_from(captions, _WORKERS) or {}
        self.name, self.failed = self._videos.name, list[str]()

    def clips(self, frames: int, count: int) -> Iterator[Sample]:
        """The first frames of each video, at its own size and rate; those that cannot be read or are short fail."""
        self.failed.clear()
        entries = self._videos.entries
        order = torch.randperm(len(entries), generator=torch.Generator().manual_seed(_SEED))
        shuffled = [entries[index] for index in order.tolist()]
        return islice(self._cut(iterate_clips(shuffled, ClipRule(frames=frames), _WORKERS)), count)

    def _cut(self, found: Iterator[Clip | Failure]) -> Iterator[Sample]:
        for clip in found:
            if isinstance(clip, Failure):
                self.failed.append(f"{clip.id}: {clip.reason}")
            else:
                caption = self._captions.get(clip.entry.id)
                yield Sample(clip.id, clip.frames_thwc, clip.fps, caption=caption)
