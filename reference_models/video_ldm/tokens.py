"""Parts of the transformers, spatial and temporal alike, as Stable Diffusion has them."""

from typing import TypeVar

from torch import Tensor, nn

from vidgauge.reference_models.attention import Attention
from vidgauge.reference_models.layers.cross_attention import CrossAttention

AnyAttention = TypeVar("AnyAttention", bound=Attention | CrossAttention)


def biased(attention: AnyAttention) -> AnyAttention:
    """An attention without biases, given one in its last projection, whose sum alone its ``cost`` leaves out."""
    attention.project_out = nn.Linear(attention.in_channels, attention.in_channels)
    return attention


class GatedFeedForward(nn.Module):
    """GEGLU (Shazeer, arXiv 2002.05202): ``out(a * GELU(b))`` with a, b = in(x), each 4 times as wide."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.project_in = nn.Linear(channels, 8 * channels)
        self.activation = nn.GELU()
        self.project_out = nn.Linear(4 * channels, channels)

    def forward(self, tokens_bthwc: Tensor) -> Tensor:
        """(..., C) in and out."""
        value, gate = self.project_in(tokens_bthwc).chunk(2, dim=-1)
        out: Tensor = self.project_out(value * self.activation(gate))
        return out
