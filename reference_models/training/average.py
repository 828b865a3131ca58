"""An exponential moving average of weights (EMA): what is sampled in the end."""

from collections.abc import Sequence

import torch
from torch import Tensor


class Average:
    """Of some parameters, beginning at what they are now.

    In its first steps it forgets faster, ``keep = min(decay, (1 + n) / (10 + n))`` at step n, so that short runs do
    not end near where they began (no paper says so; ours).

    Args:
        parameters: what to follow.
        decay: how much of the average stays at each step.
    """

    def __init__(self, parameters: Sequence[Tensor], decay: float) -> None:
        self._parameters, self._decay = parameters, decay
        self.values = [parameter.detach().clone() for parameter in parameters]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """After the step of that number, from 0."""
        keep = min(self._decay, (1 + step) / (10 + step))
        for value, parameter in zip(self.values, self._parameters, strict=True):
            value.lerp_(parameter, 1 - keep)

    @torch.no_grad()
    def load(self, values: Sequence[Tensor]) -> None:
        """Go on from these."""
        for value, given in zip(self.values, values, strict=True):
            value.copy_(given)

    @torch.no_grad()
    def give(self) -> None:
        """Put the average into the parameters."""
        for parameter, value in zip(self._parameters, self.values, strict=True):
            parameter.copy_(value)
