"""OpenCV's ``INTER_LINEAR`` on bytes, in its fixed-point arithmetic; half-pixel centres, never widened."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vidgauge.datasets.spatial.kernels import KERNELS, Kernel
from vidgauge.datasets.spatial.kernels._cv2_positions import Positions, fixed_point, half_pixel_positions
from vidgauge.datasets.spatial.kernels._taps import sum_of_columns


def _resize(images_nchw: Tensor, height: int, width: int) -> Tensor:
    source_height, source_width = images_nchw.shape[-2:]
    if (source_height, source_width) == (2 * height, 2 * width):
        return halve(images_nchw)
    columns, rows = half_pixel_positions(source_width, width), half_pixel_positions(source_height, height)
    return interpolate_linearly(images_nchw, rows, columns)


def halve(images_nchw: Tensor) -> Tensor:
    """Means of four, halves up: what OpenCV does for half the height and width, by area as well."""
    left, right = images_nchw[..., ::2].to(torch.int32), images_nchw[..., 1::2].to(torch.int32)
    pairs = left + right
    return (pairs[..., ::2, :] + pairs[..., 1::2, :]).add_(2).bitwise_right_shift_(2).to(torch.uint8)


def interpolate_linearly(images_nchw: Tensor, rows: Positions, columns: Positions) -> Tensor:
    """Between neighbours, in OpenCV's fixed-point arithmetic.

    Args:
        images_nchw: (N, C, H, W) uint8.
        rows: for each row of the result, the row at or before it and the fraction beyond.
        columns: the same for columns.

    Returns:
        (N, C, rows, columns) uint8.
    """
    # Exact so far; then the last of 4 + 16 + 2 bits are dropped one after another, and a half is added before the last.
    across = sum_of_columns(images_nchw.to(torch.int32), *_taps(*_within(columns, images_nchw.shape[-1]))) >> 4
    indices_kj, weights_kj = _taps(*rows)
    above, below = (
        across.index_select(-2, index.clamp(0, across.shape[-2] - 1)).mul_(weight[:, None]) >> 16
        for index, weight in zip(indices_kj, weights_kj, strict=True)
    )
    return (above.add_(below).add_(2) >> 2).to(torch.uint8)


def _within(columns: Positions, length: int) -> Positions:
    """Beyond the first and last columns there is one whole weight; rows keep two there, and drop bits twice."""
    before, fraction = columns
    outside = (before < 0) | (before >= length - 1)
    return before.clip(0, length - 1), np.where(outside, np.float32(0), fraction)


def _taps(before: NDArray[np.int64], fraction: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
    indices_kj = torch.from_numpy(np.stack([before, before + 1]))
    return indices_kj, fixed_point(np.stack([np.float32(1) - fraction, fraction]))


KERNELS.register("cv2-bilinear")(Kernel("bytes", _resize))
