"""Moving Shapes as a data set."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.sample import Sample
from vidgauge.datasets.sources import SOURCES
from vidgauge.errors import UsageError, near_misses

if TYPE_CHECKING:
    from vidgauge.datasets.moving_shapes import MovingShapes

_SEEDS = {"train": 0, "validation": 1, "test": 2}


@SOURCES.register("moving-shapes")
def moving_shapes(root: Path | None, split: str | None, clip: ClipRule | None) -> Iterable[Sample]:
    """Procedural videos of one moving shape, labelled and captioned; needs no files.

    Each split is another world: "train" (which stands for none as well) has seed 0, "validation" 1, "test" 2. Videos
    are as long as the clip rule needs, so that its offset makes no difference. For other sizes and seeds use
    ``vidgauge.datasets.moving_shapes.MovingShapes``.

    Raises:
        UsageError: a root, which it has no use for, or another split.
    """
    from vidgauge.datasets.moving_shapes import FPS, MovingShapes

    if root is not None:
        raise UsageError(f"the data set 'moving-shapes' is drawn, not read; leave out root={str(root)!r}")
    if split is not None and split not in _SEEDS:
        raise UsageError(f"the data set 'moving-shapes' has no split {split!r}; {near_misses(split, list(_SEEDS))}")
    rule = clip or ClipRule()
    # Two at least, for how long a frame is shown follows from the next.
    n_frames = rule.span if rule.fps is None else max(2, math.ceil(rule.frames * FPS / rule.fps))
    videos = MovingShapes(frames=n_frames, seed=_SEEDS[split or "train"])
    return videos if n_frames == rule.frames and rule.fps in (None, FPS) else _Cut(videos, rule, FPS)


class _Cut:
    """The one clip of each video."""

    def __init__(self, videos: "MovingShapes", rule: ClipRule, fps: float) -> None:
        self._videos, self._fps = videos, rule.fps or fps / rule.stride
        times = [number / fps for number in range(videos.frames)]
        (self._window,) = rule.model_copy(update={"offset": "first"}).windows(times, "")

    def __iter__(self) -> Iterator[Sample]:
        for video in self._videos:
            yield replace(video, frames_thwc=video.frames_thwc[self._window], fps=self._fps)
