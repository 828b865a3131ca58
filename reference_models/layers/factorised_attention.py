"""Factorised attention: over space inside each frame, then over time at each place."""

from collections.abc import Sequence

import torch

from vidgauge.reference_models.attention import SelfAttention
from vidgauge.reference_models.cost import Cost
from vidgauge.reference_models.layer import Layer
from vidgauge.reference_models.layers import LAYERS


@LAYERS.register("factorised_attention")
class FactorisedAttention(Layer):
    """Spatial, then temporal attention, each with its own projections (Ho et al., arXiv 2204.03458, section 3).

    The residual connections and norms of a block around the two are left out, as everywhere in the zoo, and so are
    position signals.

    Args:
        channels: C of input and output.
        heads: attention heads, a divisor of C.
        bias: whether the projections add one.
    """

    takes = "tokens_bthwc"

    def __init__(self, channels: int, heads: int, *, bias: bool = True) -> None:
        super().__init__()
        self.in_channels = channels
        self.space = SelfAttention(channels, heads, bias=bias)
        self.time = SelfAttention(channels, heads, bias=bias)

    def forward(self, tokens_bthwc: torch.Tensor) -> torch.Tensor:
        """Attend: (B, T, H, W, C) in and out."""
        return self.over_time(self.over_space(tokens_bthwc))

    def over_space(self, tokens_bthwc: torch.Tensor) -> torch.Tensor:
        """Each frame for itself: B T sequences of H W tokens."""
        batch, (frames, height, width) = self.split(tokens_bthwc.shape)
        mixed: torch.Tensor = self.space(tokens_bthwc.reshape(batch * frames, height * width, -1))
        return mixed.reshape(tokens_bthwc.shape)

    def over_time(self, tokens_bthwc: torch.Tensor) -> torch.Tensor:
        """Each place for itself: B H W sequences of T tokens."""
        batch, (frames, height, width) = self.split(tokens_bthwc.shape)
        places = tokens_bthwc.permute(0, 2, 3, 1, 4).reshape(batch * height * width, frames, -1)
        mixed: torch.Tensor = self.time(places)
        return mixed.reshape(batch, height, width, frames, -1).permute(0, 3, 1, 2, 4)

    def cost(self, shape: Sequence[int]) -> Cost:
        """The core costs 4 N (H W + T) C, the two sets of projections 16 N C^2 a clip."""
        batch, (frames, height, width) = self.split(shape)
        places = height * width
        return self.space.cost(batch * frames, places) + self.time.cost(batch * places, frames)
