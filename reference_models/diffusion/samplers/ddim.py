"""DDIM: the deterministic sampler (Song et al., arXiv 2010.02502)."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from vidgauge.reference_models.diffusion.level import Level
from vidgauge.reference_models.diffusion.noise import Noise
from vidgauge.reference_models.diffusion.prediction import Denoise


@dataclass(frozen=True)
class Ddim:
    """Each step puts the estimated noise back at the next level: ``z_s = alpha_s x^ + sigma_s eps^``."""

    def step(self, denoise: Denoise, z: Tensor, ahead: Sequence[Level], noise: Noise) -> Tensor:
        """From t to s. No noise is drawn."""
        del noise
        return ddim_step(denoise, z, *ahead[:2])


def ddim_step(denoise: Denoise, z: Tensor, now: Level, then: Level) -> Tensor:
    """From z at ``now`` to z at ``then``; ``then`` may be cleaner or noisier."""
    return then.noised(*denoise(z, now))
