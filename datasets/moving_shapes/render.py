"""From scenes to pixels: vectorised over a batch, anti-aliased from signed distances."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vidgauge.datasets.moving_shapes.motion import trajectories
from vidgauge.datasets.moving_shapes.scene import Scene
from vidgauge.datasets.moving_shapes.shapes import OUTLINES
from vidgauge.datasets.moving_shapes.textures import background_chw


def render_batch(scenes: Sequence[Scene], frames: int, height: int, width: int) -> Tensor:
    """Draw clips.

    A clip's pixels do not depend on which others are drawn with it, nor its first frames on how many follow.

    Returns:
        uint8, (B, T, H, W, 3).
    """
    coverage_bthw = _coverage(scenes, frames, height, width)
    background = torch.stack([background_chw(scene, height, width) for scene in scenes])[:, None]
    colour = torch.tensor([scene.colour_rgb for scene in scenes])[:, None, :, None, None]
    video_btchw = coverage_bthw[:, :, None] * (colour - background)
    video_btchw += background
    video_btchw *= (255 * _brightness(scenes, frames)).float()[:, :, None, None, None]
    video_btchw += 0.5  # truncation then rounds
    return video_btchw.to(torch.uint8).permute(0, 1, 3, 4, 2).contiguous()


def _coverage(scenes: Sequence[Scene], frames: int, height: int, width: int) -> Tensor:
    """Which part of each pixel the object covers, float32 in [0, 1], (B, T, H, W)."""
    side = min(height, width)
    x, y, angle = trajectories(scenes, frames)
    start = torch.tensor([scene.centre for scene in scenes], dtype=torch.float64)
    right = _around(width, start[:, :1] * width + x * side)
    down = _around(height, start[:, 1:] * height + y * side)
    radius = side * torch.tensor([scene.radius for scene in scenes], dtype=torch.float64)[:, None]
    turn_x, turn_y = ((turn / radius)[..., None] for turn in (angle.cos(), angle.sin()))
    # The point in the object's own frame: turned back by its angle, in units of its radius.
    u = (turn_x * right).float()[:, :, None, :] + (turn_y * down).float()[..., None]
    v = (turn_x * down).float()[..., None] - (turn_y * right).float()[:, :, None, :]
    distance = torch.empty_like(u)
    for shape, outline in OUTLINES.items():
        chosen = [i for i, scene in enumerate(scenes) if scene.shape == shape]
        if chosen:
            distance[chosen] = outline(u[chosen], v[chosen])
    return (0.5 - distance * radius.float()[..., None, None]).clamp_(0, 1)


def _around(size: int, centre_bt: Tensor) -> Tensor:
    """Way from the centre to every pixel along one axis of the torus, the short way round: (B, T, size) in pixels."""
    way = torch.arange(size, dtype=torch.float64) + 0.5 - centre_bt[..., None]
    return way - size * (way / size).round()


def _brightness(scenes: Sequence[Scene], frames: int) -> Tensor:
    """Each frame's brightness, in (0, 1], (B, T): a stationary flicker around a level of its own."""
    table = [(scene.flicker, scene.flicker_rate, scene.flicker_phase) for scene in scenes]
    depth, rate, phase = torch.tensor(table, dtype=torch.float64).T[:, :, None].unbind()
    time = torch.arange(frames, dtype=torch.float64)
    return 1 - depth * (0.5 + 0.5 * torch.sin(rate * time + phase))
