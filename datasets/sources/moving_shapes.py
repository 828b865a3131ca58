"""Moving Shapes as a data set."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.sample import Sample
from vidgauge.datasets.sources import SOURCES
from vidgauge.errors import UsageError, near_misses

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
    from vidgauge.datasets.moving_shapes import MovingShapes

    if root is not None:
        raise UsageError(f"the data set 'moving-shapes' is drawn, not read; leave out root={str(root)!r}")
    if split is not None and split not in _SEEDS:
        raise UsageError(f"the data set 'moving-shapes' has no split {split!r}; {near_misses(split, list(_SEEDS))}")
    rule = clip or ClipRule()
    videos = MovingShapes(frames=rule.span, seed=_SEEDS[split or "train"])
    return videos if rule.stride == 1 else _EveryNthFrame(videos, rule.stride)


class _EveryNthFrame:
    def __init__(self, videos: Iterable[Sample], stride: int) -> None:
        self._videos, self._stride = videos, stride

    def __iter__(self) -> Iterator[Sample]:
        for video in self._videos:
            yield replace(video, frames_thwc=video.frames_thwc[:: self._stride], fps=video.fps / self._stride)
