"""Frames to a network's size, by the kernel that a protocol names."""

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention


def resize(video_tchw: torch.Tensor, height: int, width: int, kernel: str) -> torch.Tensor:
    """Bring frames to a size without keeping the aspect ratio.

    Args:
        video_tchw: (T, C, H, W) floating point, any range.
        height: wanted.
        width: wanted.
        kernel: ``bilinear-antialias``: torch's bilinear with half-pixel centres, widened when it shrinks.

    Returns:
        (T, C, height, width) in the same dtype; the input itself where the size is right.
    """
    if video_tchw.shape[-2:] == (height, width):
        return video_tchw
    assert kernel == "bilinear-antialias", kernel
    return F.interpolate(video_tchw, (height, width), mode="bilinear", antialias=True, align_corners=False)
