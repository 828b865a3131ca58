"""Signed distances to the outlines of the shapes, as elementary functions of a point.

Each function takes the point's coordinates ``u`` (right) and ``v`` (down) in units of the object's radius, float
tensors of one shape, and returns the distance to the outline in the same unit: negative inside, and exact near the
outline's smooth parts, which is all that anti-aliasing needs. Only operations that IEEE 754 rounds exactly are used,
so that a pixel's value does not depend on which others are computed with it.
"""

from collections.abc import Callable
from math import cos, hypot, pi, sin

import torch
from torch import Tensor


def star(u: Tensor, v: Tensor) -> Tensor:
    """A pentagram: the points outside at most one of five half-planes, so the second largest distance counts."""
    largest = second = torch.full_like(u, -torch.inf)
    for k in range(5):
        direction = pi / 2 + 2 * pi * k / 5
        distance = cos(direction) * u + sin(direction) * v - 0.36
        second = torch.maximum(second, torch.minimum(largest, distance))
        largest = torch.maximum(largest, distance)
    return second


def heart(u: Tensor, v: Tensor, half: float = 0.75, down: float = 0.1) -> Tensor:
    """A square on its tip with a half-disc on each of its upper sides."""
    u, v = u.abs(), v - down
    square = (u + v.abs() - half) * 0.5**0.5
    disc = _length(u - half / 2, v + half / 2) - half * 0.5**0.5
    return torch.minimum(square, disc)


def cross(u: Tensor, v: Tensor) -> Tensor:
    """Two crossed bars."""
    u, v = u.abs(), v.abs()
    return torch.maximum(torch.maximum(u, v) - 0.95, torch.minimum(u, v) - 0.28)


def triangle(u: Tensor, v: Tensor) -> Tensor:
    """Equilateral, pointing up: three half-planes."""
    sides = torch.maximum(sin(pi / 3) * u.abs() - 0.5 * v, v)
    return sides - 0.5


def crescent(u: Tensor, v: Tensor) -> Tensor:
    """A disc without a smaller disc that overlaps its right side."""
    return torch.maximum(_length(u, v) - 0.95, 0.75 - _length(u - 0.5, v))


def arrow(u: Tensor, v: Tensor) -> Tensor:
    """Pointing right: a triangular head on a shaft."""
    v = v.abs()
    length = hypot(0.75, 0.95)
    head = torch.maximum((0.75 * (u - 1) + 0.95 * v) * (1 / length), 0.05 - u)
    shaft = torch.maximum((u + 0.4).abs() - 0.55, v - 0.24)
    return torch.minimum(head, shaft)


def ring(u: Tensor, v: Tensor) -> Tensor:
    """A ring with a gap at its right."""
    band = (_length(u, v) - 0.7).abs() - 0.25
    gap = torch.minimum(u, 0.4 - v.abs())
    return torch.maximum(band, gap)


def _length(u: Tensor, v: Tensor) -> Tensor:
    return (u * u + v * v).sqrt()


OUTLINES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "star": star,
    "heart": heart,
    "cross": cross,
    "triangle": triangle,
    "crescent": crescent,
    "arrow": arrow,
    "ring": ring,
}
