"""The stochastic sampler for distilled models: two steps forward without noise, one step back with noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vidgauge.reference_models.diffusion.level import Level, spread
from vidgauge.reference_models.diffusion.noise import Noise
from vidgauge.reference_models.diffusion.prediction import Denoise
from vidgauge.reference_models.diffusion.samplers.ddim import ddim_step


@dataclass(frozen=True)
class Distilled:
    """Imagen Video, arXiv 2210.02303: one DDIM step of two step sizes, one stochastic step of one back.

    The way back is the forward process. It is estimated once a step, as with other samplers.
    """

    def step(self, denoise: Denoise, z: Tensor, ahead: Sequence[Level], noise: Noise) -> Tensor:
        """From t past s to the level after it, and back to s."""
        now, then, after = ahead[:3]
        z = ddim_step(denoise, z, now, after)
        return diffused(z, after, then, noise)


def diffused(z: Tensor, now: Level, then: Level, noise: Noise) -> Tensor:
    """From q(z_s | z_t) for a noisier s = then: ``(alpha_s / alpha_t) z + sqrt(1 - e^{ls - lt}) sigma_s eps``."""
    added = (-torch.expm1(then.log_snr_b - now.log_snr_b)).sqrt() * then.sigma_b
    return spread(then.alpha_b / now.alpha_b, z) * z + spread(added, z) * noise.like(z)
