"""What a network made of one set of videos: the arrays that the measures read."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Failed:
    """A file, or a clip of it, that could not be used."""

    file: str
    reason: str


@dataclass(frozen=True)
class Evidence:
    """Outputs of one network over the clips of one set, in the order of the files.

    ``outputs`` maps names such as ``features_nd`` to arrays whose first axis is the clips; ``sources`` names the file
    each clip was cut from; ``captions`` says what each clip should show, where that is known;
    ``failed`` lists what could not be used; ``notes`` says what a reader of the score must know; ``refusal`` is why
    the network did not take the clips, and then there are no outputs.
    """

    outputs: dict[str, NDArray[np.float32]]
    sources: list[str]
    captions: list[str] | None = None
    failed: list[Failed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refusal: str = ""

    def __len__(self) -> int:
        return len(self.sources)
