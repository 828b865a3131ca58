"""The same scenes in another style: what they show stays, how they look does not.

A system that is fine-tuned on images of one style should move them as it has learnt to in another.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from vidgauge.errors import UsageError, near_misses

LUMINANCE = (0.299, 0.587, 0.114)
"""Of red, green and blue: ITU-R BT.601."""
INK, PAPER = (38.0, 20.0, 10.0), (255.0, 244.0, 214.0)
"""What black and white become in sepia."""


def plain(frames_thwc: Tensor) -> Tensor:
    """As they are drawn."""
    return frames_thwc


def sepia(frames_thwc: Tensor) -> Tensor:
    """As an old photograph: each pixel's luminance, from brown ink to yellow paper."""
    luminance = (frames_thwc.float() @ torch.tensor(LUMINANCE))[..., None] / 255
    ink, paper = torch.tensor(INK), torch.tensor(PAPER)
    return (ink + (paper - ink) * luminance).round().to(torch.uint8)


STYLES: dict[str, Callable[[Tensor], Tensor]] = {"plain": plain, "sepia": sepia}


def find_style(name: str) -> Callable[[Tensor], Tensor]:
    """From uint8 frames (..., 3) to the same in a style.

    Raises:
        UsageError: where there is none of that name.
    """
    if name not in STYLES:
        raise UsageError(f"Moving Shapes has no style {name!r}; {near_misses(name, list(STYLES))}")
    return STYLES[name]
