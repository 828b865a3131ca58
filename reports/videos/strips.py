"""A clip for the page: its frames below each other in one WebP image, of which the page shows one at a time.

Browsers play neither FFV1 nor arrays, and no dozen of videos in step. One image and the page's own clock do, with the
same pixels everywhere.
"""

import io
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidgauge.reports.videos.reading import Pictures

if TYPE_CHECKING:
    from PIL.Image import Image

_WITHOUT_LOSS_TO = 128  # pixels of the longest side up to which every pixel is kept
_TALLEST = 16_383  # pixels of a WebP image
_MOST_BYTES = 400_000  # of a clip without loss; beyond, it is coded with loss


@dataclass(frozen=True)
class Strip:
    """Ready to be played."""

    data: str
    """WebP in base64."""
    frames: int
    fps: float
    width: int
    """Of one frame, in pixels."""
    height: int
    note: str
    """What of the video it is, and how it was changed; empty where it is all of it as it is."""


def strip(pictures: Pictures) -> Strip:
    """Make the image."""
    width, height = pictures.images[0].size
    small = [image for image in pictures.images if image.size == (width, height)][: _TALLEST // height]
    encoded, lossless = _encoded(_stacked(small, width, height), without_loss=max(width, height) <= _WITHOUT_LOSS_TO)
    notes = []
    if not pictures.whole or len(small) < len(pictures.images):
        notes.append(f"first {len(small) / pictures.fps:.1f} s")
    if pictures.every > 1:
        notes.append("every other frame" if pictures.every == 2 else f"1 frame of {pictures.every}")
    if (width, height) != pictures.size:
        notes.append("made smaller from {}x{}".format(*pictures.size))
    if not lossless:
        notes.append("with loss")
    return Strip(b64encode(encoded).decode("ascii"), len(small), pictures.fps, width, height, ", ".join(notes))


def _stacked(images: "list[Image]", width: int, height: int) -> "Image":
    from PIL import Image

    stacked = Image.new("RGB", (width, height * len(images)))
    for index, image in enumerate(images):
        stacked.paste(image, (0, index * height))
    return stacked


def _encoded(image: "Image", *, without_loss: bool) -> tuple[bytes, bool]:
    """WebP bytes, and whether they hold every pixel as it is."""
    file = io.BytesIO()
    if without_loss:
        image.save(file, "WEBP", lossless=True, quality=20, method=1)  # here "quality" is effort
        if file.tell() <= _MOST_BYTES:
            return file.getvalue(), True
        file = io.BytesIO()
    image.save(file, "WEBP", quality=80, method=2)
    return file.getvalue(), False
