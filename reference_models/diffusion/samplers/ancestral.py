"""The ancestral sampler: each step draws from q(z_s | z_t, x), with the estimate for x."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vidgauge.reference_models.diffusion.level import Level, spread
from vidgauge.reference_models.diffusion.noise import Noise
from vidgauge.reference_models.diffusion.prediction import Denoise


@dataclass(frozen=True)
class Ancestral:
    """Video Diffusion Models, section 2; DDPM's sampler (Ho et al., arXiv 2006.11239) in continuous time.

    Args:
        gamma: between the lower (0) and upper (1) bound of the variance, on a logarithmic scale.
    """

    gamma: float

    def step(self, denoise: Denoise, z: Tensor, ahead: Sequence[Level], noise: Noise) -> Tensor:
        """From t to s."""
        now, then = ahead[:2]
        spread_of_noise = spread(deviation(now, then, self.gamma), z)
        return posterior_mean(denoise(z, now).x, z, now, then) + spread_of_noise * noise.like(z)


def posterior_mean(x: Tensor, z: Tensor, now: Level, then: Level) -> Tensor:
    """``e^{lt - ls} (alpha_s / alpha_t) z + (1 - e^{lt - ls}) alpha_s x``, from t = now to the cleaner s = then."""
    # e^{lt - ls} / alpha_t written out, so that alpha_t may be 0.
    kept = now.alpha_b * then.sigma_b.square() / (now.sigma_b.square() * then.alpha_b)
    return spread(kept, z) * z + spread(_removed(now, then) * then.alpha_b, z) * x


def deviation(now: Level, then: Level, gamma: float) -> Tensor:
    """Root of ``[(1 - e^{lt - ls}) sigma_s^2]^(1 - gamma) [(1 - e^{lt - ls}) sigma_t^2]^gamma``; 0 where s is clean."""
    between = then.sigma_b ** (1 - gamma) * now.sigma_b**gamma
    return torch.where(then.sigma_b > 0, _removed(now, then).sqrt() * between, 0.0)


def _removed(now: Level, then: Level) -> Tensor:
    """``1 - e^{lt - ls}``: without loss of digits for near levels, and 1 where either end is infinite."""
    return -torch.expm1(now.log_snr_b - then.log_snr_b)
