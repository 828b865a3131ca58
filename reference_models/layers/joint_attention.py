"""Joint space-time attention: every token against every token of the clip."""

import math
from collections.abc import Sequence

import torch

from vidgauge.reference_models.attention import SelfAttention
from vidgauge.reference_models.cost import Cost
from vidgauge.reference_models.layer import Layer
from vidgauge.reference_models.layers import LAYERS


@LAYERS.register("joint_attention")
class JointAttention(Layer):
    """Full attention over the T H W tokens of a clip, without position signal.

    Args:
        channels: C of input and output.
        heads: attention heads, a divisor of C.
        bias: whether the projections add one.
    """

    takes = "tokens_bthwc"

    def __init__(self, channels: int, heads: int, *, bias: bool = True) -> None:
        super().__init__()
        self.in_channels = channels
        self.attention = SelfAttention(channels, heads, bias=bias)

    def forward(self, tokens_bthwc: torch.Tensor) -> torch.Tensor:
        """Attend: (B, T, H, W, C) in and out."""
        self.split(tokens_bthwc.shape)
        mixed: torch.Tensor = self.attention(tokens_bthwc.flatten(1, 3))
        return mixed.reshape(tokens_bthwc.shape)

    def cost(self, shape: Sequence[int]) -> Cost:
        """One sequence of N = T H W tokens a clip: the core costs 4 N^2 C."""
        batch, grid = self.split(shape)
        return self.attention.cost(batch, math.prod(grid))
