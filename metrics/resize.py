"""Frames to a network's size, by the rule that a protocol names: how the frame is fitted, then whose kernel."""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor
from torchvision.transforms import functional as vision


def resize(frames_thwc: Tensor, height: int, width: int, rule: str, dtype: torch.dtype) -> Tensor:
    """Bring frames to a size.

    Args:
        frames_thwc: (T, H, W, 3) uint8.
        height: wanted.
        width: wanted.
        rule: one of ``RULES``.
        dtype: of the result, and of the arithmetic where the rule leaves it open.

    Returns:
        (T, 3, height, width) in [0, 1].
    """
    return RULES[rule](frames_thwc.permute(0, 3, 1, 2), height, width, dtype)


def _squash(video_tchw: Tensor, height: int, width: int, dtype: torch.dtype) -> Tensor:
    """Torch's bilinear with half-pixel centres, widened when it shrinks; the aspect ratio is not kept."""
    video_tchw = video_tchw.to(dtype) / 255
    if video_tchw.shape[-2:] == (height, width):
        return video_tchw
    return F.interpolate(video_tchw, (height, width), mode="bilinear", antialias=True, align_corners=False)


def _crop(video_tchw: Tensor, height: int, width: int, dtype: torch.dtype) -> Tensor:
    """PIL's bicubic of the short side, on bytes and rounded to bytes, then the centre: what CLIP was trained with."""
    images = [
        vision.resize(vision.to_pil_image(frame), height, vision.InterpolationMode.BICUBIC) for frame in video_tchw
    ]
    cropped = [vision.pil_to_tensor(vision.center_crop(image, [height, width])) for image in images]
    return torch.stack(cropped).to(dtype) / 255


RULES: dict[str, Callable[[Tensor, int, int, torch.dtype], Tensor]] = {
    "squash-bilinear-antialias": _squash,
    "crop-pil-bicubic": _crop,
}
