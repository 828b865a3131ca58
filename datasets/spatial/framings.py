"""The framings: what becomes of a frame whose shape is not the wanted one, and how sizes and offsets are rounded.

Libraries round differently, and a crop that begins one pixel later is another picture: so each convention has a name.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vidgauge.errors import UsageError

Size = tuple[int, int]
"""Height and width."""
Place = tuple[int, int]
"""Top and left."""


@dataclass(frozen=True)
class Fit:
    """How frames of one size get another: cut a part out, bring it to a size, lay the wanted frame over the result."""

    cut_at: Place
    cut: Size
    size: Size
    """What the part that is cut out is resized to."""
    corner: Place
    """Where on the resized part the wanted frame begins; a negative number is a black margin's width."""


def squash(source: Size, wanted: Size) -> Fit:
    """All of the frame, whatever becomes of its aspect ratio."""
    return _whole(source, wanted, (0, 0))


def crop_torchvision(source: Size, wanted: Size) -> Fit:
    """Torchvision's ``Resize`` of the short side and ``CenterCrop``, as CLIP's transform has them.

    The long side is rounded down, the offset to the nearest integer and halves to the even one.
    """
    height, width = _covering(source, wanted)
    return _whole(source, (height, width), (round((height - wanted[0]) / 2), round((width - wanted[1]) / 2)))


def crop_videogpt(source: Size, wanted: Size) -> Fit:
    """The short side and the centre, as VideoGPT's code has them (and TATS', DIGAN's and cd-fvd's after it).

    The long side is rounded up, after a multiplication in floats that makes some squares one pixel higher than wide;
    the offset is rounded down.
    """
    scales = wanted[0] / source[0], wanted[1] / source[1]
    if scales[0] > scales[1]:
        height, width = wanted[0], math.ceil(source[1] * scales[0])
    else:
        height, width = math.ceil(source[0] * scales[1]), wanted[1]
    return _whole(source, (height, width), ((height - wanted[0]) // 2, (width - wanted[1]) // 2))


def crop_floor(source: Size, wanted: Size) -> Fit:
    """The short side and the centre, both sizes and offsets rounded down: integer arithmetic, common around OpenCV."""
    height, width = _covering(source, wanted)
    return _whole(source, (height, width), ((height - wanted[0]) // 2, (width - wanted[1]) // 2))


def cut(source: Size, wanted: Size) -> Fit:
    """The largest part in the centre that has the wanted aspect ratio, all of which is resized; rounded down."""
    if source[0] * wanted[1] <= source[1] * wanted[0]:
        part = source[0], max(1, source[0] * wanted[1] // wanted[0])
    else:
        part = max(1, source[1] * wanted[0] // wanted[1]), source[1]
    return Fit(((source[0] - part[0]) // 2, (source[1] - part[1]) // 2), part, wanted, (0, 0))


def pad(source: Size, wanted: Size) -> Fit:
    """All of the frame in its aspect ratio between black margins; the shorter side and the margin are rounded down."""
    if source[0] * wanted[1] <= source[1] * wanted[0]:
        height, width = max(1, source[0] * wanted[1] // source[1]), wanted[1]
    else:
        height, width = wanted[0], max(1, source[1] * wanted[0] // source[0])
    return _whole(source, (height, width), (-((wanted[0] - height) // 2), -((wanted[1] - width) // 2)))


def pad_tensorflow(source: Size, wanted: Size) -> Fit:
    """The same as ``tf.image.resize_with_pad`` has it: in float32, which takes some longer sides to one pixel less."""
    given, target = np.array(source, dtype=np.float32), np.array(wanted, dtype=np.float32)
    exact = given / np.max(given / target)
    height, width = (max(1, int(side)) for side in np.floor(exact))
    top, left = (max(0, int(margin)) for margin in np.floor((target - exact) / np.float32(2)))
    return _whole(source, (height, width), (-top, -left))


def centre(source: Size, wanted: Size) -> Fit:
    """The centre as it is, not resized; the offset is rounded down.

    Raises:
        UsageError: the frame is smaller than wanted.
    """
    if source[0] < wanted[0] or source[1] < wanted[1]:
        raise UsageError(
            f"frames of {source[0]}x{source[1]} have no centre of {wanted[0]}x{wanted[1]}; resize them before"
        )
    return _whole(source, source, ((source[0] - wanted[0]) // 2, (source[1] - wanted[1]) // 2))


def _whole(source: Size, size: Size, corner: Place) -> Fit:
    return Fit((0, 0), source, size, corner)


def _covering(source: Size, wanted: Size) -> Size:
    """The smallest size in the source's aspect ratio that holds the wanted one, the longer side rounded down."""
    if source[0] * wanted[1] <= source[1] * wanted[0]:
        return wanted[0], source[1] * wanted[0] // source[0]
    return source[0] * wanted[1] // source[1], wanted[1]


FRAMINGS: dict[str, Callable[[Size, Size], Fit]] = {
    "centre": centre,
    "crop-floor": crop_floor,
    "crop-torchvision": crop_torchvision,
    "crop-videogpt": crop_videogpt,
    "cut": cut,
    "pad": pad,
    "pad-tensorflow": pad_tensorflow,
    "squash": squash,
}
