"""Which noise levels there are: a schedule's interface, and the continuous cosine schedule. float64 throughout."""

import math
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from vidgauge.reference_models.diffusion.level import Level
from vidgauge.reference_models.layer import check_counts


class Schedule(Protocol):
    """From times to noise levels."""

    def level(self, time_b: Tensor) -> Level:
        """The levels at times of this schedule's own kind."""
        ...

    def draw(self, batch: int, generator: torch.Generator) -> Level:
        """Levels to train on, one a sample, on the generator's device."""
        ...

    def times(self, steps: int) -> list[float]:
        """The ``steps + 1`` times of sampling: noisiest first, the last one clean."""
        ...


def levels(schedule: Schedule, steps: int, batch: int = 1) -> list[Level]:
    """The ``steps + 1`` levels of sampling, noisiest first. The last one is clean: sigma = 0 exactly.

    The continuous schedule ends at its largest log-SNR instead, where the noise is too small to be seen; cutting it off
    makes the end of all samplers the network's estimate itself (not stated; ours).
    """
    times = [torch.full((batch,), time, dtype=torch.float64) for time in schedule.times(steps)]
    found = [replace(schedule.level(time_b), step=step) for step, time_b in enumerate(times)]
    return [*found[:-1], found[-1].clean()]


@dataclass(frozen=True)
class CosineSchedule:
    """``lambda(t) = -2 log tan(a t + b)`` for t in [0, 1], from the largest log-SNR to the smallest.

    The cosine schedule of Nichol and Dhariwal (arXiv 2102.09672) in continuous time with its log-SNR clipped: Video
    Diffusion Models, section 2 and appendix A; Imagen Video the same. Networks are told the log-SNR.
    """

    min_log_snr: float = -20.0
    max_log_snr: float = 20.0

    def log_snr(self, time_b: Tensor) -> Tensor:
        """``lambda(t)``."""
        b = math.atan(math.exp(-self.max_log_snr / 2))
        a = math.atan(math.exp(-self.min_log_snr / 2)) - b
        return -2 * (a * time_b.double() + b).tan().log()

    def level(self, time_b: Tensor) -> Level:
        """At t in [0, 1]; 1 is noise."""
        return Level.of_log_snr(self.log_snr(time_b))

    def draw(self, batch: int, generator: torch.Generator) -> Level:
        """At uniform times."""
        times = torch.rand(batch, generator=generator, device=generator.device, dtype=torch.float64)
        return self.level(times)

    def times(self, steps: int) -> list[float]:
        """Evenly spaced, from 1 to 0."""
        check_counts(steps=steps)
        return [1 - step / steps for step in range(steps + 1)]
