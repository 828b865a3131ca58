"""The format in which all videos are scored: the first 16 frames, 32x32 pixels."""

import torch
from torch import Tensor

from vidgauge.bench.contests.learning_sets import Size
from vidgauge.datasets.spatial.rule import SpatialRule
from vidgauge.reference_models.training.data import SPATIAL

FORMAT = Size(16, 32, 32)


def in_common_format(frames_thwc: Tensor) -> Tensor:
    """The first frames, their centre in the format's aspect ratio resized as training clips are.

    Args:
        frames_thwc: uint8, at least as many frames as the format has.

    Returns:
        uint8 (16, 32, 32, 3).
    """
    first = frames_thwc[: FORMAT.frames]
    video_tchw = SpatialRule.parse(SPATIAL)(first, FORMAT.height, FORMAT.width, torch.float32)
    return (255 * video_tchw.clamp(0, 1)).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
