"""From a number that a network is told (a noise level, a frame rate) to a vector that it can work with."""

import math
from itertools import pairwise

import torch
from torch import nn

LOG_SNR_SCALE = 25.0
"""Takes log-SNRs from -20 to 20 to a range of 1,000, for which the frequencies of sinusoids were made (ours)."""


class Sinusoid(nn.Module):
    """Cosines and sines of a number at geometric frequencies (Ho et al., arXiv 2006.11239, appendix B).

    Args:
        channels: even; half of them cosines.
        longest: the longest wavelength over 2 pi; the shortest is 1.
    """

    frequencies: torch.Tensor

    def __init__(self, channels: int, longest: float = 10_000.0) -> None:
        super().__init__()
        assert channels % 2 == 0
        self.channels = channels
        exponents = torch.arange(channels // 2) / (channels // 2)
        self.register_buffer("frequencies", torch.exp(-math.log(longest) * exponents), persistent=False)

    def forward(self, values_b: torch.Tensor) -> torch.Tensor:
        """(B,) of any range to (B, channels) in the dtype of the frequencies."""
        angles = values_b.to(self.frequencies)[:, None] * self.frequencies
        return torch.cat([angles.cos(), angles.sin()], dim=1)


def perceptron(into: int, width: int, layers: int) -> nn.Sequential:
    """Linear maps to ``width`` with SiLU between them."""
    maps: list[nn.Module] = []
    for a, b in pairwise([into] + [width] * layers):
        maps += [nn.Linear(a, b), nn.SiLU()]
    return nn.Sequential(*maps[:-1])
