"""Multi-head self-attention over sequences, which the attention layers fold their tokens into."""

import torch
from torch import nn
from torch.nn import functional

from vidgauge.errors import UsageError
from vidgauge.reference_models import cost
from vidgauge.reference_models.layer import check_counts


class SelfAttention(nn.Module):
    """Scaled dot-product attention with projections in and out, each token against all of its sequence.

    There is no position signal: without one the operator is equivariant to any permutation of a sequence.

    Args:
        channels: model width, divisible by ``heads``.
        heads: attention heads.
        bias: whether the four projections add one.

    Raises:
        UsageError: where the channels do not split into the heads.
    """

    def __init__(self, channels: int, heads: int, *, bias: bool = True) -> None:
        super().__init__()
        check_counts(channels=channels, heads=heads)
        if channels % heads:
            raise UsageError(f"{channels} channels do not split into {heads} heads; the heads must divide the channels")
        self.channels, self.heads, self.bias = channels, heads, bias
        self.project_in = nn.Linear(channels, 3 * channels, bias=bias)  # Q, K and V, in this order
        self.project_out = nn.Linear(channels, channels, bias=bias)

    def forward(self, sequences_slc: torch.Tensor) -> torch.Tensor:
        """Attend inside each sequence: (sequences, length, channels) float in and out."""
        projected = self.project_in(sequences_slc)
        query, key, value = projected.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each (S, heads, L, d)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        joined: torch.Tensor = self.project_out(mixed.transpose(1, 2).flatten(2))
        return joined

    def cost(self, sequences: int, length: int) -> cost.Cost:
        """Projections (8 L C^2 operations a sequence) and core (4 L^2 C)."""
        itemsize = self.project_in.weight.element_size()
        rows, width = sequences * length, self.channels
        return (
            cost.linear(rows, (width, 3 * width), bias=self.bias, itemsize=itemsize)
            + cost.attention_core(sequences, length, width, self.heads, itemsize=itemsize)
            + cost.linear(rows, (width, width), bias=self.bias, itemsize=itemsize)
        )
