"""Torch's own ``interpolate``, under a name for each of its ways that protocols have used.

Half-pixel centres unless the name says ``align-corners``. ``antialias`` widens the filter when it shrinks, as Pillow
does; its cubic has a = -0.5, and a = -0.75 without it. ``nearest`` takes the pixel at ``floor(index * scale)``, the one
before the centre.
"""

from functools import partial
from typing import Any

import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

from vidgauge.datasets.spatial.kernels import KERNELS, Kernel

_OPTIONS: dict[str, dict[str, Any]] = {
    "torch-bicubic": {"mode": "bicubic", "align_corners": False},
    "torch-bicubic-antialias": {"mode": "bicubic", "align_corners": False, "antialias": True},
    "torch-bilinear": {"mode": "bilinear", "align_corners": False},
    "torch-bilinear-align-corners": {"mode": "bilinear", "align_corners": True},
    "torch-bilinear-antialias": {"mode": "bilinear", "align_corners": False, "antialias": True},
    "torch-nearest": {"mode": "nearest"},
}


def _interpolate(images_nchw: Tensor, height: int, width: int, **options: Any) -> Tensor:  # noqa: ANN401 - torch's
    if width == 1 < height and options.get("antialias"):
        # Torch 2.15 mixes up the pixels of a single column when it resizes it; those of a single row it does not.
        return F.interpolate(images_nchw.transpose(-1, -2), (width, height), **options).transpose(-1, -2)
    return F.interpolate(images_nchw, (height, width), **options)


for _name, _options in _OPTIONS.items():
    KERNELS.register(_name)(Kernel("floats", partial(_interpolate, **_options)))
