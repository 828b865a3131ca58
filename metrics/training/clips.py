"""Moving Shapes as network input: float video_bcthw in [0, 1], 64x64, drawn at that size or coarsely and resized up."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

from vidgauge.datasets.moving_shapes.render import render_batch
from vidgauge.datasets.moving_shapes.scene import Scene, scene_at

FRAMES = 16
SIDE = 64
COARSE_SIDE = 32  # what the small reference systems generate


def scenes(seed: int, first: int, count: int) -> list[Scene]:
    """A stretch of the world of that seed: the scenes that ``MovingShapes(seed=seed)`` has at these indices."""
    return [scene_at(seed, index) for index in range(first, first + count)]


def video(chosen: Sequence[Scene], drawn: int = SIDE, frames: int = FRAMES) -> Tensor:
    """Draw scenes at ``drawn`` x ``drawn`` pixels and bring them to the network's size."""
    video_bcthw = render_batch(chosen, frames, drawn, drawn).permute(0, 4, 1, 2, 3).float() / 255
    if drawn == SIDE:
        return video_bcthw
    size = (video_bcthw.shape[2], SIDE, SIDE)  # time is left as it is
    return F.interpolate(video_bcthw, size, mode="trilinear", align_corners=False)


def mixed_video(chosen: Sequence[Scene], frames: int = FRAMES) -> Tensor:
    """Draw the first half at full size and the second half coarsely."""
    half = len(chosen) // 2
    return torch.cat([video(chosen[:half], SIDE, frames), video(chosen[half:], COARSE_SIDE, frames)])


def one_frame(video_bcthw: Tensor, seed: tuple[int, int]) -> Tensor:
    """Repeat one frame of each clip, drawn at random, over its whole length."""
    count, _, frames = video_bcthw.shape[:3]
    drawn = torch.from_numpy(np.random.default_rng(seed).integers(frames, size=count))
    return video_bcthw.gather(2, drawn[:, None, None, None, None].expand_as(video_bcthw))


def shuffled(video_bcthw: Tensor, seed: tuple[int, int]) -> Tensor:
    """Put the frames of all clips in one random order."""
    return video_bcthw[:, :, torch.from_numpy(np.random.default_rng(seed).permutation(video_bcthw.shape[2]))]


def labels(chosen: Sequence[Scene]) -> Tensor:
    """Class indices, int64."""
    return torch.tensor([scene.label for scene in chosen])
