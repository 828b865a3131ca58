"""Videos as browsers show them: every frame a lossless WebP image, with the time at which it gives way to the next.

Browsers play neither FFV1 nor arrays, and what they do play they bring to RGB each in their own way. Here all videos
take one road: the RGB frames that are also scored, drawn one by one by the page's own clock. So two videos keep step,
any browser shows the same pixels, and neither container nor coding tells whose video it is. A clip is a script, which a
page may load from a server and from a folder alike.
"""

import base64
import io
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidgauge.errors import UsageError
from vidgauge.files import whole_file

SHOWN = "every frame as lossless WebP, drawn in step by one clock"
_MOST_BYTES = 256 * 2**20


def write_clip(path: Path, name: str, frames: Iterable[NDArray[np.uint8]], ends: Sequence[float]) -> None:
    """Write a clip's script, whole or not at all.

    Args:
        path: where to.
        name: its identifier.
        frames: RGB, ``uint8``, each of shape (height, width, 3).
        ends: when each frame gives way to the next, in seconds from the start; as many as frames.

    Raises:
        UsageError: where it is too large for browsers.
    """
    from PIL import Image

    texts: list[str] = []
    size = 0
    height = width = 0
    for frame_hwc in frames:
        height, width = frame_hwc.shape[:2]
        image = io.BytesIO()
        # Without loss "quality" is effort: none makes files a third larger, more makes them no smaller.
        Image.fromarray(frame_hwc).save(image, "WEBP", lossless=True, exact=True, quality=20, method=1)
        texts.append(base64.b64encode(image.getvalue()).decode("ascii"))
        size += len(texts[-1])
        if size > _MOST_BYTES:
            limit = f"{_MOST_BYTES // 2**20} MiB"
            raise UsageError(f"takes more than {limit} without loss; make it shorter or smaller for the study")
    assert len(texts) == len(ends), "a frame, an end"
    rounded = [round(end, 6) for end in ends]
    body = {"name": name, "width": width, "height": height, "ends": rounded, "frames": texts}
    with whole_file(path) as partial:
        partial.write_text(f"voteClip({json.dumps(body, separators=(',', ':'))});\n", "ascii")


def frame_ends(starts: Sequence[float], fps: float) -> list[float]:
    """When each frame gives way to the next, in seconds from the start.

    Args:
        starts: when each is shown; ``nan`` where the file does not say.
        fps: frames per second: how long the last frame stays, and all of them where there are no times.

    Raises:
        UsageError: where neither is known, or times do not rise.
    """
    if not (math.isfinite(fps) and fps > 0):
        raise UsageError("does not say how fast it plays; say it with --fps")
    if not all(map(math.isfinite, starts)):
        return [(index + 1) / fps for index in range(len(starts))]
    ends = [start - starts[0] for start in starts[1:]]
    ends.append((ends[-1] if ends else 0.0) + 1 / fps)
    if any(later <= earlier for earlier, later in zip([0.0, *ends], ends, strict=False)):
        raise UsageError("has frames whose times do not rise; write it anew with whole times")
    return ends


def pad_alike(paths: Sequence[Path]) -> None:
    """Blanks at the ends of scripts until all have one size, since a size in bytes might tell whose clip it is."""
    size = max(path.stat().st_size for path in paths)
    for path in paths:
        with path.open("ab") as file:
            file.write(b" " * (size - file.tell()))
