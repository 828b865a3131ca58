"""Where the object is and how it is turned, frame by frame.

Every motion is a stationary process with one and the same single-frame law: position uniform on the torus, orientation
uniform on the circle, independent of each other. A drift moves a uniform start; an orbit adds an offset to a uniform
centre; a spin turns a uniform angle; and uniform plus anything independent of it, on a torus or a circle, is uniform.
"""

from collections.abc import Sequence
from math import cos, pi, radians, sin

import torch
from torch import Tensor

from vidgauge.datasets.moving_shapes.scene import Scene

# y points down, so that a growing angle turns clockwise on the screen.
HEADINGS = {"drifts right": 0.0, "drifts down": pi / 2, "drifts left": pi, "drifts up": 3 * pi / 2}
TURNS = {
    "orbits clockwise": 1,
    "orbits counter-clockwise": -1,
    "spins clockwise": 1,
    "spins counter-clockwise": -1,
}
DRIFT_RANGE = (0.020, 0.045)  # shorter sides per frame
ORBIT_RANGE = (radians(10), radians(22))
# A five-pointed star repeats every 72 degrees: it would seem to turn backwards from 36 degrees per frame on.
SPIN_RANGE = (radians(8), radians(20))


def trajectories(scenes: Sequence[Scene], frames: int) -> tuple[Tensor, Tensor, Tensor]:
    """Follow each object.

    Returns:
        x and y (not yet wrapped around), and orientation in radians; each of shape (B, T), float64. x and y are in
        shorter sides, but for the start, which the caller adds because it is a fraction of width and height.
    """
    time = torch.arange(frames, dtype=torch.float64)
    paths = [_path(scene, time) for scene in scenes]
    x, y, angle = (torch.stack(parts) for parts in zip(*paths, strict=True))
    return x, y, angle


def _path(scene: Scene, time: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    still = torch.zeros_like(time)
    if scene.motion in HEADINGS:
        heading = HEADINGS[scene.motion]
        way = _pace(scene, DRIFT_RANGE) * time
        return cos(heading) * way, sin(heading) * way, still + scene.angle
    if scene.motion.startswith("orbits"):
        phase = scene.phase + TURNS[scene.motion] * _pace(scene, ORBIT_RANGE) * time
        return scene.orbit * phase.cos(), scene.orbit * phase.sin(), still + scene.angle
    return still, still, scene.angle + TURNS[scene.motion] * _pace(scene, SPIN_RANGE) * time


def _pace(scene: Scene, bounds: tuple[float, float]) -> float:
    low, high = bounds
    return low + (high - low) * scene.pace
