"""Known damage of known severity, to see whether a measure notices it."""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from vidgauge.datasets.distortions.elastic import warp, wobble
from vidgauge.datasets.distortions.spatial import blockiness, blur, noise
from vidgauge.datasets.distortions.temporal import drop, freeze, jitter, reverse, shuffle, speed
from vidgauge.errors import UsageError, near_misses

Distortion = Callable[[Tensor, float, Generator], Tensor]

SPATIAL: dict[str, Distortion] = {"blur": blur, "noise": noise, "blockiness": blockiness, "warp": warp}
"""Frames are damaged, and their order is not."""
TEMPORAL: dict[str, Distortion] = {
    "shuffle": shuffle,
    "freeze": freeze,
    "drop": drop,
    "reverse": reverse,
    "jitter": jitter,
    "speed": speed,
}
"""Each frame that is shown is one of the video's, undamaged, at another time."""
SPATIOTEMPORAL: dict[str, Distortion] = {"wobble": wobble}
"""Frames are damaged, and each in another way than its neighbours."""
DISTORTIONS = SPATIAL | TEMPORAL | SPATIOTEMPORAL


def distort(frames_thwc: Tensor, name: str, severity: float, seed: int) -> Tensor:
    """Damage a video.

    Args:
        frames_thwc: uint8, (T, H, W, C).
        name: one of `DISTORTIONS`.
        severity: from 0, which returns the video as it is, to 1, the worst.
        seed: of what is random in the damage; the same one draws the same at each severity.

    Returns:
        uint8, of the same shape; ``speed`` gives fewer frames (`frames_taken`).

    Raises:
        UsageError: for a distortion or severity that does not exist.
    """
    if name not in DISTORTIONS:
        raise UsageError(f"there is no distortion {name!r}; {near_misses(name, list(DISTORTIONS))}")
    if not 0 <= severity <= 1:
        raise UsageError(f"a severity of {severity} is not between 0 and 1")
    if severity == 0:
        return frames_thwc.clone()
    damaged = DISTORTIONS[name](frames_thwc, severity, Generator().manual_seed(seed))
    if damaged.is_floating_point():
        damaged = damaged.round().clamp(0, 255)
    return damaged.to(torch.uint8)


def frames_taken(name: str, severity: float, frames: int) -> int:
    """How many frames of a video a distortion needs, so that this many come out: more where it plays faster."""
    return math.floor((frames - 1) * (1 + severity)) + 1 if name == "speed" else frames
