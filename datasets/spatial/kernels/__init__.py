"""The kernels: whose arithmetic computes the pixels of a picture at another size. One file for each kind of arithmetic.

A name says the library, the filter, and ``-float`` where a library that also works on bytes works on floats. A kernel
takes either bytes or floats and gives the same; each says how far it may be from the library that it is named after.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vidgauge.errors import UsageError
from vidgauge.registry import Registry

Takes = Literal["bytes", "floats"]

_DTYPES: dict[Takes, tuple[torch.dtype, ...]] = {
    "bytes": (torch.uint8,),
    "floats": (torch.float32, torch.float64),
}


@dataclass(frozen=True)
class Kernel:
    """One way to compute a picture at another size."""

    takes: Takes
    """``bytes``: uint8 in and out. ``floats``: float32 or float64, of any scale, in and out."""
    function: Callable[[Tensor, int, int], Tensor]
    """From contiguous images (N, C, H, W) of the right dtype, with the height and the width that are wanted."""

    def __call__(self, images_nchw: Tensor, height: int, width: int) -> Tensor:
        """Resize pictures, each by itself.

        Args:
            images_nchw: (N, C, H, W), uint8 or float as ``takes`` says, no axis empty.
            height: wanted, at least 1.
            width: wanted, at least 1.

        Returns:
            (N, C, height, width), of the same dtype. Floats keep their scale; filters with negative lobes (bicubic,
            lanczos) overstep its ends. A picture that has the size already comes back as it was.

        Raises:
            UsageError: another dtype or shape, or no size.
        """
        if images_nchw.dtype not in _DTYPES[self.takes] or images_nchw.ndim != 4 or 0 in images_nchw.shape:
            given = f"{images_nchw.dtype} {tuple(images_nchw.shape)}"
            raise UsageError(f"got {given}, but this kernel takes {self.takes} (pictures, channels, height, width)")
        if min(height, width) < 1:
            raise UsageError(f"the size is {height}x{width}; height and width must be at least 1")
        if images_nchw.shape[-2:] == (height, width):
            return images_nchw
        # Contiguous, so that the arithmetic that a library chooses cannot depend on how frames happen to lie in memory.
        return self.function(images_nchw.contiguous(), height, width)


KERNELS: Registry[Kernel] = Registry("kernel", "vidgauge.datasets.spatial.kernels")
