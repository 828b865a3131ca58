"""The loop of sampling, which all samplers share."""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from vidgauge.reference_models.diffusion.level import Level
from vidgauge.reference_models.diffusion.noise import Noise
from vidgauge.reference_models.diffusion.prediction import Denoise
from vidgauge.reference_models.diffusion.schedule import Schedule, levels


class Sampler(Protocol):
    """How z gets from one noise level to the next."""

    def step(self, denoise: Denoise, z: Tensor, ahead: Sequence[Level], noise: Noise) -> Tensor:
        """From z at ``ahead[0]`` to z at ``ahead[1]``. What lies further ahead is there too: never fewer than three."""
        ...


@torch.no_grad()
def sample(
    denoise: Denoise,
    z: Tensor,
    schedule: Schedule,
    steps: int,
    sampler: Sampler,
    noise: Noise,
    advance: Callable[[], object] = lambda: None,
) -> Tensor:
    """Sample videos.

    The last step is the estimate itself, whatever the sampler: no noise is added.

    Args:
        denoise: the model.
        z: where to start from: standard normal noise (B, ...), usually ``noise.like`` of the video's shape.
        schedule: which noise levels there are.
        steps: how often z is denoised (twice as often, less one, with a corrector).
        sampler: how.
        noise: where more noise comes from.
        advance: called after each step.

    Returns:
        x of ``z``'s shape and dtype.
    """
    ahead = levels(schedule, steps, len(z))
    for step in range(steps - 1):
        z = sampler.step(denoise, z, ahead[step:], noise)
        advance()
    x = denoise(z, ahead[steps - 1]).x
    advance()
    return x
