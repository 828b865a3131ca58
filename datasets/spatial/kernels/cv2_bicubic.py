"""OpenCV's ``INTER_CUBIC``: a = -0.75, half-pixel centres, never widened; three kinds of arithmetic.

On bytes OpenCV's own code has fixed-point weights: ``cv2-bicubic``. Where it was built with Intel's IPP, as the
packages for x86-64 are, that library does the work in floats, and about one byte in thirty comes out one higher or
lower: ``cv2-bicubic-ipp``, which is what those packages do unless told ``cv2.ipp.setUseIPP(False)``. On floats OpenCV's
own code is ``cv2-bicubic-float``; IPP differs from it by 1e-4 of the range at most, since it does not round positions.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vidgauge.datasets.spatial.kernels import KERNELS, Kernel
from vidgauge.datasets.spatial.kernels._cv2_positions import ONE, fixed_point, half_pixel_positions
from vidgauge.datasets.spatial.kernels._taps import nearest_bytes, sum_of_columns, sum_of_rows

Taps = tuple[Tensor, NDArray[np.float32]]

_BYTES_AT_ONCE, _FLOATS_AT_ONCE = 8, 4
"""How many values of a row OpenCV's vector code for x86-64 does."""


def _resize_bytes(images_nchw: Tensor, height: int, width: int) -> Tensor:
    """Columns in integers, exactly; rows in floats, but for what the vector code leaves over, which is in integers."""
    (columns, column_weights), (rows, row_weights) = _both_taps(images_nchw, height, width)
    across = sum_of_columns(images_nchw.to(torch.int32), columns, fixed_point(column_weights))
    fixed = fixed_point(row_weights)
    floats = fixed.to(torch.float32) / ONE**2
    resized = nearest_bytes(sum_of_rows(across.to(torch.float32), rows.flip(0), floats.flip(0)))
    first, left_over = _left_over(images_nchw.shape[1], width, _BYTES_AT_ONCE)
    sums = sum_of_rows(across[..., first:], rows, fixed)
    integers = ((sums + ONE**2 // 2) >> 22).clamp_(0, 255).to(torch.uint8)
    resized[..., first:] = torch.where(left_over, integers, resized[..., first:])
    return resized


def _resize_bytes_as_ipp(images_nchw: Tensor, height: int, width: int) -> Tensor:
    """Rows, then columns, in float32 with positions that were not rounded to it."""
    source_height, source_width = images_nchw.shape[-2:]
    if min(source_height, source_width) < 4:  # too small for IPP, so that OpenCV does it
        return _resize_bytes(images_nchw, height, width)
    (rows, row_weights), (columns, column_weights) = (
        _taps(*_exact_positions(length, wanted)) for length, wanted in ((source_height, height), (source_width, width))
    )
    resized = sum_of_rows(images_nchw.to(torch.float32), rows, torch.from_numpy(row_weights).to(torch.float32))
    return nearest_bytes(sum_of_columns(resized, columns, torch.from_numpy(column_weights).to(torch.float32)))


def _resize_floats(images_nchw: Tensor, height: int, width: int) -> Tensor:
    (columns, column_weights), (rows, row_weights) = _both_taps(images_nchw, height, width)
    across = sum_of_columns(images_nchw, columns, torch.from_numpy(column_weights).to(images_nchw.dtype))
    weights = torch.from_numpy(row_weights).to(images_nchw.dtype)
    resized = sum_of_rows(across, rows.flip(0), weights.flip(0))
    first, left_over = _left_over(images_nchw.shape[1], width, _FLOATS_AT_ONCE)
    resized[..., first:] = torch.where(left_over, sum_of_rows(across[..., first:], rows, weights), resized[..., first:])
    return resized


def _left_over(channels: int, width: int, at_once: int) -> tuple[int, Tensor]:
    """The first column with values that the vector code leaves over, and which from there on: (C, 1, columns) bool.

    It works on whole vectors of a row's interleaved channels, adding up from the last tap; the others are added from
    the first.
    """
    vectorized = width * channels // at_once * at_once
    first = vectorized // channels
    place_in_row = torch.arange(first, width) * channels + torch.arange(channels)[:, None, None]
    return first, place_in_row >= vectorized


def _both_taps(images_nchw: Tensor, height: int, width: int) -> tuple[Taps, Taps]:
    source_height, source_width = images_nchw.shape[-2:]
    columns, rows = half_pixel_positions(source_width, width), half_pixel_positions(source_height, height)
    return _taps(*columns), _taps(*rows)


def _exact_positions(length: int, wanted: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    positions = (np.arange(wanted) + 0.5) * (length / wanted) - 0.5
    before = np.floor(positions)
    return before.astype(np.int64), positions - before


def _taps(before: NDArray[np.int64], x: NDArray[Any]) -> tuple[Tensor, NDArray[Any]]:
    """The four neighbours and their weights at the fraction ``x`` (R. Keys 1981, equation 4), in its precision."""
    a = x.dtype.type(-0.75)
    y = 1 - x
    first = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a
    second = ((a + 2) * x - (a + 3)) * x * x + 1
    third = ((a + 2) * y - (a + 3)) * y * y + 1
    weights = np.stack([first, second, third, 1 - first - second - third])
    return torch.from_numpy(np.stack([before - 1, before, before + 1, before + 2])), weights


KERNELS.register("cv2-bicubic")(Kernel("bytes", _resize_bytes))
KERNELS.register("cv2-bicubic-ipp")(Kernel("bytes", _resize_bytes_as_ipp))
KERNELS.register("cv2-bicubic-float")(Kernel("floats", _resize_floats))
