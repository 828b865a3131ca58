"""Weighted sums of rows and of columns, in a given order: what separable kernels are made of."""

import torch
from torch import Tensor


def sum_of_rows(images_nchw: Tensor, indices_kj: Tensor, weights_kj: Tensor) -> Tensor:
    """Row j is the sum over k of ``weights_kj[k, j]`` times row ``indices_kj[k, j]``, added up from the first k.

    Args:
        images_nchw: (N, C, H, W).
        indices_kj: (taps, height) int64; clamped into the picture, which repeats its border.
        weights_kj: (taps, height), of the pictures' dtype: each product and each sum is rounded to it.

    Returns:
        (N, C, height, W).
    """
    indices_kj = indices_kj.clamp(0, images_nchw.shape[-2] - 1)
    total: Tensor | None = None
    for rows, weights in zip(indices_kj, weights_kj, strict=True):
        term = images_nchw.index_select(-2, rows).mul_(weights[:, None])
        total = term if total is None else total.add_(term)
    assert total is not None
    return total


def sum_of_columns(images_nchw: Tensor, indices_kj: Tensor, weights_kj: Tensor) -> Tensor:
    """The same for columns: (N, C, H, width)."""
    # Rows can be gathered whole, columns only element by element: turning the picture twice is cheaper.
    turned = sum_of_rows(images_nchw.transpose(-1, -2).contiguous(), indices_kj, weights_kj)
    return turned.transpose(-1, -2).contiguous()


def nearest_bytes(values: Tensor) -> Tensor:
    """Floats as uint8, in place: halves to the even one, what is beyond 0 and 255 to these."""
    return values.round_().clamp_(0, 255).to(torch.uint8)
