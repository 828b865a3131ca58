"""Backgrounds: still textures that mix two colours, anti-aliased at any resolution."""

from collections.abc import Callable
from math import cos, pi, sin

import torch
from torch import Tensor

from vidgauge.datasets.moving_shapes.scene import Scene


def stripes(u: Tensor, v: Tensor, pixel: float) -> Tensor:
    """Bars of half a period."""
    return 0.5 + 0.5 * _bars(u, pixel) + 0 * v


def checks(u: Tensor, v: Tensor, pixel: float) -> Tensor:
    """A chessboard: bars times bars."""
    return 0.5 + 0.5 * _bars(u, pixel) * _bars(v, pixel)


def dots(u: Tensor, v: Tensor, pixel: float) -> Tensor:
    """One disc in each square period."""
    distance = torch.hypot(_from_middle(u), _from_middle(v)) - 0.33
    return (0.5 - distance / pixel).clamp(0, 1)


def gradient(u: Tensor, v: Tensor, pixel: float) -> Tensor:  # noqa: ARG001 - every texture has the same parameters
    """One slow ramp up and down again, three periods long."""
    return 2 * _from_middle(u / 3).abs() + 0 * v


def clouds(u: Tensor, v: Tensor, pixel: float) -> Tensor:  # noqa: ARG001
    """Smooth blobs: waves bent by other waves."""
    bent = torch.sin(2 * pi * 0.35 * v + 1.8 * torch.sin(2 * pi * 0.45 * u))
    return 0.5 + 0.25 * bent + 0.25 * torch.sin(2 * pi * 0.4 * u + 2.2 * bent)


TEXTURES: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "stripes": stripes,
    "checks": checks,
    "dots": dots,
    "gradient": gradient,
    "clouds": clouds,
}


def background_chw(scene: Scene, height: int, width: int) -> Tensor:
    """Draw a scene's background, float32 in [0, 1]; computed in float64, once per clip."""
    side = min(height, width)
    scale = scene.texture_frequency / side  # periods per pixel
    y = (torch.arange(height, dtype=torch.float64)[:, None] + 0.5) * scale
    x = (torch.arange(width, dtype=torch.float64)[None, :] + 0.5) * scale
    turn_x, turn_y = cos(scene.texture_angle), sin(scene.texture_angle)
    u = turn_x * x + turn_y * y + scene.texture_offset[0]
    v = turn_x * y - turn_y * x + scene.texture_offset[1]
    mix_hw = TEXTURES[scene.texture](u, v, scale)
    colour, ground = (
        torch.tensor(rgb, dtype=torch.float64)[:, None, None] for rgb in (scene.background_rgb, scene.ground_rgb)
    )
    return (ground + (colour - ground) * mix_hw).float()


def _from_middle(u: Tensor) -> Tensor:
    """Signed way to the middle of the period, in periods."""
    return u - u.floor() - 0.5


def _bars(u: Tensor, pixel: float) -> Tensor:
    """1 on the bar and -1 beside it, with a ramp one pixel wide between them."""
    distance = _from_middle(u).abs() - 0.25
    return (2 * distance / pixel).clamp(-1, 1)
