"""TensorFlow 1's ``tf.image.resize_bilinear``, which the first FVD and FID used.

Pixel ``i`` of the result lies at ``i * scale`` of the source. Without ``align_corners`` the scale is the sizes' ratio,
so pictures are sampled towards their top left corner: not at half-pixel centres, and a mirrored picture does not give
the mirrored result. With it the first and last pixels of both lie on each other. Neither widens the filter: a picture
that is shrunk to less than a half loses pixels.
"""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from vidgauge.datasets.spatial.kernels import KERNELS, Kernel


def _resize(images_nchw: Tensor, height: int, width: int, *, align_corners: bool) -> Tensor:
    """Columns first, then rows, each as ``a + (b - a) * fraction``, as TensorFlow has it.

    Positions are rounded to float32 whatever the pictures are, because that is part of what the name promises; the
    rest is done in the pictures' dtype, and TensorFlow's was float32.
    """
    turned = _resize_rows(images_nchw.transpose(-1, -2).contiguous(), width, align_corners)
    return _resize_rows(turned.transpose(-1, -2).contiguous(), height, align_corners)


def _resize_rows(images_nchw: Tensor, height: int, align_corners: bool) -> Tensor:
    lower, upper, fraction = _positions(images_nchw.shape[-2], height, align_corners)
    above = images_nchw.index_select(-2, lower)
    below = images_nchw.index_select(-2, upper)
    return below.sub_(above).mul_(fraction.to(images_nchw.dtype)[:, None]).add_(above)


def _positions(length: int, wanted: int, align_corners: bool) -> tuple[Tensor, Tensor, Tensor]:
    corners = align_corners and wanted > 1
    scale = np.float32(length - 1) / np.float32(wanted - 1) if corners else np.float32(length) / np.float32(wanted)
    positions = np.arange(wanted, dtype=np.float32) * scale
    floors = np.floor(positions)
    lower = floors.astype(np.int64).clip(0, length - 1)
    upper = (lower + 1).clip(0, length - 1)
    return torch.from_numpy(lower), torch.from_numpy(upper), torch.from_numpy(positions - floors)


KERNELS.register("tf1-bilinear")(Kernel("floats", partial(_resize, align_corners=False)))
KERNELS.register("tf1-bilinear-align-corners")(Kernel("floats", partial(_resize, align_corners=True)))
