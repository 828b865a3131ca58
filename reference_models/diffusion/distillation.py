"""Progressive distillation: a student learns to do in one DDIM step what its teacher does in two.

Salimans and Ho, arXiv 2202.00512, algorithm 2; Imagen Video, which first distils guidance: there the student's target
is ``guided(...)(z, level)`` itself. Training uses ``loss(..., space="v")`` or ``"truncated_snr"``.
"""

import torch
from torch import Tensor

from vidgauge.reference_models.diffusion.level import Level, spread
from vidgauge.reference_models.diffusion.prediction import Denoise, Estimate, from_x
from vidgauge.reference_models.diffusion.samplers.ddim import ddim_step
from vidgauge.reference_models.diffusion.schedule import Schedule, levels


def distilled_estimate(teacher: Denoise, z: Tensor, now: Level, middle: Level, then: Level) -> Estimate:
    """What the student is to find in z at ``now``: the estimate that takes DDIM to where the teacher gets in two steps.

    Returns:
        x and eps, for ``loss`` or ``target``; without gradients.
    """
    with torch.no_grad():
        halfway = ddim_step(teacher, z, now, middle)
        end = ddim_step(teacher, halfway, middle, then)
    return from_x(x_between(z, end, now, then), z, now)


def x_between(z: Tensor, end: Tensor, now: Level, then: Level) -> Tensor:
    """The x with which one DDIM step takes z to ``end``.

    ``(z'' - (sigma''/sigma) z) / (alpha'' - (sigma''/sigma) alpha)``: algorithm 2.
    """
    ratio = then.sigma_b / now.sigma_b
    return (end - spread(ratio, z) * z) * spread(1 / (then.alpha_b - ratio * now.alpha_b), z)


def draw_halves(schedule: Schedule, steps: int, batch: int, generator: torch.Generator) -> tuple[Level, Level, Level]:
    """A random one of the student's steps for each sample: where it starts, its middle, and where it ends.

    Args:
        schedule: teacher's and student's.
        steps: of the student, over the whole way; the teacher takes twice as many.
        batch: how many.
        generator: where the levels come from and on whose device they are.
    """
    path = levels(schedule, 2 * steps)
    first = 2 * torch.randint(steps, (batch,), generator=generator, device=generator.device)
    return _picked(path, first), _picked(path, first + 1), _picked(path, first + 2)


def _picked(path: list[Level], index_b: Tensor) -> Level:
    device = index_b.device
    alpha = torch.cat([level.alpha_b for level in path]).to(device)
    sigma = torch.cat([level.sigma_b for level in path]).to(device)
    told = torch.cat([level.told_b for level in path]).to(device)
    return Level(alpha[index_b], sigma[index_b], told[index_b])
