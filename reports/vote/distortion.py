"""The copy that an attention check shows beside a clip: so bad that whoever looks sees it."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

_CELLS = 6
"""Along the shorter side of a frame, each of one colour."""
_NOISE = 48.0
"""Standard deviation, of 255 levels."""


def distort(frames: Iterable[NDArray[np.uint8]], seed: int) -> Iterator[NDArray[np.uint8]]:
    """Frames of coarse cells under noise that flickers.

    Args:
        frames: RGB, ``uint8``, each of shape (height, width, 3).
        seed: of the noise.
    """
    generator = np.random.default_rng(seed)
    for frame_hwc in frames:
        noisy_hwc = _cells(frame_hwc) + generator.normal(0.0, _NOISE, frame_hwc.shape)
        yield np.clip(np.rint(noisy_hwc), 0, 255).astype(np.uint8)


def _cells(frame_hwc: NDArray[np.uint8]) -> NDArray[np.float64]:
    size = max(min(frame_hwc.shape[:2]) // _CELLS, 2)
    height, width = frame_hwc.shape[:2]
    rows, columns = np.arange(0, height, size), np.arange(0, width, size)
    sums_hwc = np.add.reduceat(np.add.reduceat(frame_hwc.astype(np.float64), rows, 0), columns, 1)
    counts_hw = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
    means_hwc = sums_hwc / counts_hw[..., None]
    enlarged_hwc: NDArray[np.float64] = means_hwc.repeat(size, 0)[:height].repeat(size, 1)[:, :width]
    return enlarged_hwc
