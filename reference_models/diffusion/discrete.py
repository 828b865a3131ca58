"""Discrete schedules: a list of betas, the variance of the noise that each of T steps adds."""

import math

import torch
from torch import Tensor

from vidgauge.errors import UsageError
from vidgauge.reference_models.diffusion.level import Level
from vidgauge.reference_models.layer import check_counts


class DiscreteSchedule:
    """``alpha_t^2`` is the product of ``1 - beta`` up to step t: Ho et al., arXiv 2006.11239, eq. 4.

    Times are step numbers, 0 to T - 1, and networks are told them; -1 is the clean video.

    Args:
        betas: T of them, in (0, 1]; a last one of 1 ends in noise alone (zero terminal SNR).
    """

    def __init__(self, betas: Tensor) -> None:
        betas = betas.double().cpu()
        if betas.ndim != 1 or not bool(((betas > 0) & (betas <= 1)).all()) or bool((betas[:-1] == 1).any()):
            raise UsageError("betas must be a list of numbers in (0, 1), of which the last alone may be 1")
        kept = torch.cat([torch.ones(1, dtype=torch.float64), (1 - betas).cumprod(0)])
        self._alpha, self._sigma = kept.sqrt(), (1 - kept).sqrt()  # at steps -1, 0, ..., T - 1

    def level(self, time_b: Tensor) -> Level:
        """At steps, -1 to T - 1."""
        index = time_b.long() + 1
        return Level(self._alpha.to(index.device)[index], self._sigma.to(index.device)[index], time_b.double())

    def draw(self, batch: int, generator: torch.Generator) -> Level:
        """At uniform steps."""
        steps = len(self._alpha) - 1
        return self.level(torch.randint(steps, (batch,), generator=generator, device=generator.device))

    def times(self, steps: int) -> list[float]:
        """Evenly spaced down from the last step, so that what is told and what is given agree at the start.

        Lin et al., arXiv 2305.08891, section 3.3 ("trailing"); zero terminal SNR needs it.

        Raises:
            UsageError: where more steps are asked for than there are.
        """
        check_counts(steps=steps)
        total = len(self._alpha) - 1
        if steps > total:
            raise UsageError(f"{steps} sampling steps, but the schedule has only {total}")
        return [float(round(total - step * total / steps) - 1) for step in range(steps)] + [-1.0]


def linear_betas(steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> Tensor:
    """Evenly spaced: Ho et al., arXiv 2006.11239, section 4; W.A.L.T and DALL-E 2's last upsampler."""
    return torch.linspace(first, last, steps, dtype=torch.float64)


def scaled_linear_betas(steps: int = 1000, first: float = 0.00085, last: float = 0.012) -> Tensor:
    """Their roots evenly spaced: Stable Diffusion, whose code calls it linear."""
    return torch.linspace(math.sqrt(first), math.sqrt(last), steps, dtype=torch.float64).square()


def cosine_betas(steps: int = 1000) -> Tensor:
    """``alpha^2`` as cos^2, each beta at most .999: Nichol and Dhariwal, arXiv 2102.09672, section 3.2."""
    times = torch.arange(steps + 1, dtype=torch.float64) / steps
    kept = ((times + 0.008) / 1.008 * math.pi / 2).cos().square()
    return (1 - kept[1:] / kept[:-1]).clamp(max=0.999)


def zero_terminal_snr(betas: Tensor) -> Tensor:
    """The betas whose last step is noise alone: Lin et al., arXiv 2305.08891, algorithm 1.

    ``s' = (s - s_T) s_1 / (s_1 - s_T)`` for ``s = alpha``: the first stays, the last becomes exactly 0. Such a schedule
    needs a network that predicts v or x, and sampling that starts at the last step.
    """
    alpha = (1 - betas.double()).cumprod(0).sqrt()
    scaled = (alpha - alpha[-1]) * alpha[0] / (alpha[0] - alpha[-1])
    before = torch.cat([torch.ones(1, dtype=torch.float64), scaled[:-1]])
    return 1 - (scaled / before).square()
