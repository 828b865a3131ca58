"""Ancestral sampling with a Langevin step as corrector (predictor-corrector, Song et al., arXiv 2011.13456)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from vidgauge.reference_models.diffusion.level import Level, spread
from vidgauge.reference_models.diffusion.noise import Noise
from vidgauge.reference_models.diffusion.prediction import Denoise
from vidgauge.reference_models.diffusion.samplers.ancestral import Ancestral


@dataclass(frozen=True)
class Langevin:
    """Video Diffusion Models, section 2: the corrector follows each ancestral step and needs one more estimate.

    Args:
        gamma: of the ancestral step.
        delta: size of the corrector's.
    """

    gamma: float
    delta: float = 0.1

    def step(self, denoise: Denoise, z: Tensor, ahead: Sequence[Level], noise: Noise) -> Tensor:
        """``z <- z - delta / 2 sigma_s eps^(z) + sqrt(delta) sigma_s eps'`` at s, after the ancestral step to it."""
        then = ahead[1]
        z = Ancestral(self.gamma).step(denoise, z, ahead, noise)
        sigma = spread(then.sigma_b, z)
        return z - 0.5 * self.delta * sigma * denoise(z, then).eps + math.sqrt(self.delta) * sigma * noise.like(z)
