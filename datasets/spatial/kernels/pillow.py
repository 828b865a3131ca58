"""Pillow itself, picture by picture: on bytes, and (``-float``) on single float channels.

All its filters widen when they shrink. On bytes the result is rounded and clipped after each of the two passes. On
floats each channel is a picture of mode ``F``: sums in double precision, kept as float32 between the passes and at the
end (float64 pictures too), never clipped. That is how clean-fid resizes, which clips to 0..255 afterwards.

Columns are always done first, which up to Pillow 12 was Pillow's own order. Pillow 13 does rows first where it expects
less work of that, such as for tall pictures: its ``resize`` then gives other bytes than published numbers were made
of (one in four differs, at edges by 20 and more). So here each pass is a call of its own.
"""

from functools import partial

import numpy as np
import torch
from PIL import Image
from PIL.Image import Resampling
from torch import Tensor

from vidgauge.datasets.spatial.kernels import KERNELS, Kernel

_FILTERS = {"bicubic": Resampling.BICUBIC, "bilinear": Resampling.BILINEAR, "lanczos": Resampling.LANCZOS}


def _resize_bytes(images_nchw: Tensor, height: int, width: int, *, resample: Resampling) -> Tensor:
    if images_nchw.shape[1] != 3:  # Pillow knows pictures of one byte a pixel and of three
        planes = images_nchw.reshape(-1, *images_nchw.shape[-2:])
        return _resize_planes(planes, height, width, resample).reshape(*images_nchw.shape[:2], height, width)
    images_nhwc = images_nchw.permute(0, 2, 3, 1).contiguous()
    return _resize_planes(images_nhwc, height, width, resample).permute(0, 3, 1, 2)


def _resize_floats(images_nchw: Tensor, height: int, width: int, *, resample: Resampling) -> Tensor:
    planes = images_nchw.to(torch.float32).reshape(-1, *images_nchw.shape[-2:])
    resized = _resize_planes(planes, height, width, resample).to(images_nchw.dtype)
    return resized.reshape(*images_nchw.shape[:2], height, width)


def _resize_planes(pictures: Tensor, height: int, width: int, resample: Resampling) -> Tensor:
    resized = []
    for picture in map(Image.fromarray, pictures.numpy()):
        across = picture.resize((width, picture.height), resample)
        resized.append(np.asarray(across.resize((width, height), resample)))
    return torch.from_numpy(np.stack(resized))


for _name, _filter in _FILTERS.items():
    KERNELS.register(f"pil-{_name}")(Kernel("bytes", partial(_resize_bytes, resample=_filter)))
    KERNELS.register(f"pil-{_name}-float")(Kernel("floats", partial(_resize_floats, resample=_filter)))
