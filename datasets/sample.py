"""The sample: what every data set hands out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Sample:
    """One video or clip and what is known about it."""

    id: str
    """Unique within its data set, and the same on every machine."""
    frames_thwc: "torch.Tensor"
    """RGB frames, ``uint8``, shape (time, height, width, 3)."""
    fps: float
    """Frames per second; ``nan`` where the source does not say."""
    label: int | None = None
    """Index of the class, where there are classes."""
    caption: str | None = None
    """What the video shows, where someone wrote it down."""
    captions: tuple[str, ...] = ()
    """All captions where there are several, in the order of the data set; ``caption`` is the first."""
