"""P: the diffusion prior, from a caption to the image embedding of what it describes (unCLIP, arXiv 2204.06125)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from vidgauge.reference_models.layers.causal_attention import CausalAttention
from vidgauge.reference_models.system import System
from vidgauge.reference_models.unet.embedding import Sinusoid, perceptron


@dataclass(frozen=True)
class PriorSize:
    """Of the transformer."""

    dimension: int
    """Of image and text embeddings."""
    width: int
    layers: int
    heads: int
    text_channels: int
    """Of the encoded words."""
    context: int
    """Length of the sequence; its last four places are not words."""


class Prior(System):
    """A causal transformer that predicts the image embedding itself, not its noise (unCLIP, section 2.2).

    Its sequence: the encoded words, the caption's embedding x_e, the noise step, the noisy image embedding, and a last
    one, at whose place the prediction is read. A noisy embedding lies where a token of a clip of one place would.
    """

    takes = "tokens_bthwc"

    def __init__(self, size: PriorSize) -> None:
        super().__init__()
        self.size, self.grid, self.in_channels = size, (1, 1, 1), size.dimension
        self.words = nn.Linear(size.text_channels, size.width)
        self.caption = nn.Linear(size.dimension, size.width)
        self.step = nn.Sequential(Sinusoid(size.width), *perceptron(size.width, size.width, 2))
        self.noisy = nn.Linear(size.dimension, size.width)
        self.last = nn.Parameter(0.02 * torch.randn(size.width))
        self.positions = nn.Parameter(0.02 * torch.randn(size.context, size.width))
        self.layers = nn.ModuleList(_Layer(size.width, size.heads) for _ in range(size.layers))
        self.norm, self.head = nn.LayerNorm(size.width), nn.Linear(size.width, size.dimension)

    def forward(
        self,
        z_bthwc: torch.Tensor,
        told_b: torch.Tensor,
        words_bnc: torch.Tensor,
        caption_bd: torch.Tensor,
    ) -> torch.Tensor:
        """The image embedding in z.

        Args:
            z_bthwc: noisy image embeddings (B, 1, 1, 1, d), of about unit variance.
            told_b: noise steps, 0 to 999.
            words_bnc: encoded words, n = context - 4; zeros where there are none.
            caption_bd: x_e.
        """
        self.split(z_bthwc.shape)
        own = [self.caption(caption_bd), self.step(told_b), self.noisy(z_bthwc.flatten(1))]
        own.append(self.last.expand_as(own[0]))
        tokens_bnc = torch.cat([self.words(words_bnc), torch.stack(own, 1)], 1) + self.positions
        for layer in self.layers:
            tokens_bnc = layer(tokens_bnc)
        image_bd: torch.Tensor = self.head(self.norm(tokens_bnc[:, -1]))
        return image_bd.view_as(z_bthwc)

    def more_inputs(self, shape: Sequence[int], generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        """Noise step, as many words as fit, the caption's embedding."""
        batch, size = shape[0], self.size
        words_bnc = torch.randn(batch, size.context - 4, size.text_channels, generator=generator)
        caption_bd = torch.randn(batch, size.dimension, generator=generator)
        told_b = torch.randint(1000, (batch,), generator=generator)
        return told_b, words_bnc, caption_bd


class _Layer(nn.Module):
    """Norms first. Places in the sequence lie where a clip has its frames, so that what comes later is not seen."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = CausalAttention(width, heads)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, tokens_bnc: torch.Tensor) -> torch.Tensor:
        seen = self.attention(self.norm(tokens_bnc)[:, :, None, None])[:, :, 0, 0]
        tokens_bnc = tokens_bnc + seen
        out: torch.Tensor = tokens_bnc + self.mlp(tokens_bnc)
        return out
