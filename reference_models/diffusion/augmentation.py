"""Noise-conditioning augmentation: a cascade's networks learn not to trust what an earlier stage hands them.

Ho et al., arXiv 2106.15282; Imagen Video, arXiv 2210.02303: the conditioning video gets noise too, at a random
level in training and a fixed one when sampling, and the network is told how much.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from vidgauge.reference_models.diffusion.level import Level
from vidgauge.reference_models.diffusion.schedule import CosineSchedule


@dataclass(frozen=True)
class Augmentation:
    """Which levels the conditioning gets; ``Level.noised`` puts them into effect, ``told_b`` goes to the network.

    Args:
        snr: when sampling; Imagen Video uses 3 or 5. Infinity leaves the conditioning as it is.
        schedule: whose levels are trained on, at times uniform in [0, 1] (Imagen's; Imagen Video does not state them).
    """

    snr: float
    schedule: CosineSchedule = field(default_factory=CosineSchedule)

    def draw(self, batch: int, generator: torch.Generator) -> Level:
        """For training."""
        return self.schedule.draw(batch, generator)

    def fixed(self, batch: int) -> Level:
        """For sampling. The network is told no log-SNR beyond those it was trained on."""
        level = Level.of_log_snr(torch.full((batch,), self.snr, dtype=torch.float64).log())
        told = level.told_b.clamp(self.schedule.min_log_snr, self.schedule.max_log_snr)
        return replace(level, told_b=told)

    def sampling(self, conditioning: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
        """The conditioning with noise at the fixed level, and what the network is told (B,)."""
        level = self.fixed(len(conditioning))
        return level.noised(conditioning, eps), level.told_b
