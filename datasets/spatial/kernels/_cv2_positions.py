"""Where OpenCV looks in a picture, and its fixed-point weights."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Positions = tuple[NDArray[np.int64], NDArray[np.float32]]

ONE = 2048
"""The weight 1 in the fixed-point arithmetic that OpenCV does on bytes: 11 bits."""


def half_pixel_positions(length: int, wanted: int) -> Positions:
    """The pixel at or before each position and the rest, half-pixel centres; OpenCV rounds positions to float32."""
    positions = ((np.arange(wanted) + 0.5) * scale(length, wanted) - 0.5).astype(np.float32)
    before = np.floor(positions)
    return before.astype(np.int64), positions - before


def scale(length: int, wanted: int) -> float:
    """How many pixels of the source make one of the result, computed as OpenCV does: by its inverse."""
    return 1 / (wanted / length)


def fixed_point(weights: NDArray[np.float32]) -> Tensor:
    """Weights as multiples of 1/2048, int32."""
    return torch.from_numpy(np.rint(weights * np.float32(ONE)).astype(np.int32))
