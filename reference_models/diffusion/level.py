"""A noise level: how much of a video is left, how much noise there is, and what the network is told about it.

``z = alpha x + sigma eps`` with ``alpha^2 + sigma^2 = 1`` (variance preserving): Ho et al., 2204.03458, section 2.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Level:
    """One level for each sample of a batch, in float64. Both ends are allowed: noise alone (alpha = 0), and none."""

    alpha_b: Tensor
    """What the video is multiplied by, in [0, 1]."""
    sigma_b: Tensor
    """The noise's standard deviation, in [0, 1]."""
    told_b: Tensor
    """What networks are told: the log-SNR in continuous schedules, the step's number in discrete ones."""
    step: int = 0
    """How many sampling steps came before; 0 in training."""

    @classmethod
    def of_log_snr(cls, log_snr_b: Tensor) -> "Level":
        """The level at ``lambda = log(alpha^2 / sigma^2)``, which is also what the network is told."""
        log_snr = log_snr_b.double()
        return cls(log_snr.sigmoid().sqrt(), (-log_snr).sigmoid().sqrt(), log_snr)

    @property
    def log_snr_b(self) -> Tensor:
        """``log(alpha^2 / sigma^2)``; minus infinity for noise alone, infinity for a clean video."""
        return 2 * (self.alpha_b.log() - self.sigma_b.log())

    def noised(self, x: Tensor, eps: Tensor) -> Tensor:
        """``z = alpha x + sigma eps``, of ``x``'s dtype."""
        return spread(self.alpha_b, x) * x + spread(self.sigma_b, x) * eps

    def clean(self) -> "Level":
        """The same with no noise left: where sampling ends, however far the schedule itself goes."""
        return replace(self, alpha_b=torch.ones_like(self.alpha_b), sigma_b=torch.zeros_like(self.sigma_b))

    def on(self, device: torch.device) -> "Level":
        """The same on a device."""
        alpha, sigma, told = (values.to(device) for values in (self.alpha_b, self.sigma_b, self.told_b))
        return Level(alpha, sigma, told, self.step)

    def repeated(self, times: int) -> "Level":
        """For a batch that holds the same samples several times, one whole batch after the other."""
        alpha, sigma, told = (values.repeat(times) for values in (self.alpha_b, self.sigma_b, self.told_b))
        return Level(alpha, sigma, told, self.step)


def spread(values_b: Tensor, like: Tensor) -> Tensor:
    """One value a sample, shaped to broadcast against ``like`` (B, ...), in its dtype and on its device."""
    return values_b.to(like).view(-1, *(1,) * (like.ndim - 1))
