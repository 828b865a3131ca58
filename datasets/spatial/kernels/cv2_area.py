"""OpenCV's ``INTER_AREA`` on bytes: means over the area that a pixel of the result covers in the source.

Only where both sides shrink (or stay); otherwise it is OpenCV's bilinear with other positions, which repeat each pixel
rather than blend it.
"""

import math

import numpy as np
import torch
from torch import Tensor

from vidgauge.datasets.spatial.kernels import KERNELS, Kernel
from vidgauge.datasets.spatial.kernels._cv2_positions import Positions, scale
from vidgauge.datasets.spatial.kernels._taps import nearest_bytes, sum_of_columns, sum_of_rows
from vidgauge.datasets.spatial.kernels.cv2_bilinear import halve, interpolate_linearly

_SLIVER = 1e-3
"""A part of a pixel that is no larger than this is not counted."""


def _resize(images_nchw: Tensor, height: int, width: int) -> Tensor:
    source_height, source_width = images_nchw.shape[-2:]
    if height > source_height or width > source_width:
        rows, columns = _repeating_positions(source_height, height), _repeating_positions(source_width, width)
        return interpolate_linearly(images_nchw, rows, columns)
    steps = scale(source_height, height), scale(source_width, width)
    if steps[0].is_integer() and steps[1].is_integer():  # as computed: 49 pixels to 1 are no whole step
        return _mean_of_blocks(images_nchw, int(steps[0]), int(steps[1]))
    across = sum_of_columns(images_nchw.to(torch.float32), *_covered(source_width, width))
    return nearest_bytes(sum_of_rows(across, *_covered(source_height, height)))


def _mean_of_blocks(images_nchw: Tensor, rows: int, columns: int) -> Tensor:
    """Where each pixel covers whole ones: their sum, times the float32 nearest to one over their number."""
    if (rows, columns) == (2, 2):
        return halve(images_nchw)
    *_, height, width = images_nchw.shape
    blocks = images_nchw.to(torch.int32).reshape(
        -1, images_nchw.shape[1], height // rows, rows, width // columns, columns
    )
    sums = blocks.sum((-3, -1), dtype=torch.int32)
    return nearest_bytes(sums.to(torch.float32) * float(np.float32(1) / np.float32(rows * columns)))


def _covered(length: int, wanted: int) -> tuple[Tensor, Tensor]:
    """The pixels that each pixel of the result covers, and how much of it each makes: (taps, wanted)."""
    step = scale(length, wanted)
    begin = np.arange(wanted) * step
    end = begin + step
    covered = np.minimum(step, length - begin)
    last_whole = np.minimum(np.floor(end), length - 1)
    first_whole = np.minimum(np.ceil(begin), last_whole)
    indices_kj = (first_whole - 1 + np.arange(math.ceil(step) + 2)[:, None]).astype(np.int64)
    before, after = first_whole - begin, end - last_whole
    parts = np.where((indices_kj >= first_whole) & (indices_kj < last_whole), 1.0, 0.0)
    parts = np.where((indices_kj == first_whole - 1) & (before > _SLIVER), before, parts)
    last = np.minimum(np.minimum(after, 1), covered)
    parts = np.where((indices_kj == last_whole) & (after > _SLIVER), last, parts)
    return torch.from_numpy(indices_kj), torch.from_numpy((parts / covered).astype(np.float32))


def _repeating_positions(length: int, wanted: int) -> Positions:
    step, index = scale(length, wanted), np.arange(wanted)
    before = np.floor(index * step)
    fraction = ((index + 1) - (before + 1) * (wanted / length)).astype(np.float32)
    fraction = np.where(fraction <= 0, np.float32(0), fraction - np.floor(fraction))
    return before.astype(np.int64), fraction


KERNELS.register("cv2-area")(Kernel("bytes", _resize))
