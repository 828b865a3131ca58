"""What a network made of one set of videos: the arrays that the measures read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vidgauge.datasets.inspection import Inspection
from vidgauge.metrics.statistic import Rows
from vidgauge.metrics.uncertainty.chosen_rows import ChosenRows


@dataclass(frozen=True)
class Failed:
    """A file, or a clip of it, that could not be used."""

    file: str
    reason: str


@dataclass(frozen=True)
class Evidence:
    """Outputs of one network over the clips of one set, in the order of the files.

    ``outputs`` maps names such as ``features_nd`` to float32 rows, one a clip, in memory or on a disk; ``sources``
    names the file each clip was cut from; ``captions`` says what each clip should show, where that is known; ``failed``
    lists what could not be used; ``notes`` says what a reader of the score must know; ``refusal`` is why the network
    did not take the clips, and then there are no outputs.
    """

    outputs: Mapping[str, Rows]
    sources: list[str]
    captions: list[str] | None = None
    failed: list[Failed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refusal: str = ""
    names: list[str] = field(default_factory=list)
    """Identifier of each clip's video in its set, where it comes from a file: other sets may have its like."""
    cached: int = 0
    """Clips that had been seen before, perhaps on another machine or device."""
    contents: list[str] = field(default_factory=list)
    """What the cache calls each clip's video."""
    about: Mapping[str, Inspection] = field(default_factory=dict)
    """What decoding told of some of the videos, by where they lie."""

    def __len__(self) -> int:
        return len(self.sources)

    def part(self, clips: NDArray[np.intp]) -> "Evidence":
        """Some of the clips, by position, in rising order."""
        outputs = {name: ChosenRows(rows, clips) for name, rows in self.outputs.items()}
        captions = None if self.captions is None else [self.captions[clip] for clip in clips]
        names = [self.names[clip] for clip in clips] if self.names else []
        return Evidence(outputs, [self.sources[clip] for clip in clips], captions, names=names)
