"""Frames as the paired measures take them."""

import torch
from torch import Tensor

from vidgauge.errors import UsageError


def checked_frames(real_tchw: Tensor, generated_tchw: Tensor, smallest: int = 1) -> tuple[Tensor, Tensor]:
    """Both videos' frames in float64, [0, 1], without their gradients.

    Args:
        real_tchw: (T, 3, H, W), ``uint8`` or float in [0, 1].
        generated_tchw: the same of the other video; dtypes may differ.
        smallest: fewest pixels along either side of a frame.

    Raises:
        UsageError: for other shapes or dtypes, numbers outside [0, 1] or NaN, frames that are too small.
    """
    shapes = tuple(real_tchw.shape), tuple(generated_tchw.shape)
    if shapes[0] != shapes[1]:
        raise UsageError(f"real frames {shapes[0]} and generated frames {shapes[1]} must have one shape")
    if len(shapes[0]) != 4 or shapes[0][1] != 3 or 0 in shapes[0]:
        raise UsageError(f"frames must be (time, 3, height, width); the shape is {shapes[0]}")
    height, width = shapes[0][2:]
    if min(height, width) < smallest:
        raise UsageError(f"frames of {width}x{height} are too small; {smallest}x{smallest} is the least")
    return _unit_range(real_tchw.detach()), _unit_range(generated_tchw.detach())


def _unit_range(frames_tchw: Tensor) -> Tensor:
    if frames_tchw.dtype == torch.uint8:
        return frames_tchw.double() / 255
    if not frames_tchw.is_floating_point():
        raise UsageError(f"frames must be uint8, or float in [0, 1]; their dtype is {frames_tchw.dtype}")
    low, high = (float(extreme) for extreme in frames_tchw.aminmax())
    if not (low >= 0 and high <= 1):  # NaN is neither
        raise UsageError(f"float frames must lie in [0, 1]; they lie in [{low:.4g}, {high:.4g}]")
    return frames_tchw.double()
