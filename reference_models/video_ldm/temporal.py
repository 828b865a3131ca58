"""Section 3.1: the temporal layers that turn an image model into a video model.

Each is given what the image model's layer before it gave, z, mixes frames to z', and hands on ``alpha z + (1 - alpha)
z'``. The list of what is in them is reconstructed: nothing else has the counts of parameters that the paper states.
"""

import torch
from torch import Tensor, nn

from vidgauge.reference_models.attention import Attention
from vidgauge.reference_models.layers.cross_attention import CrossAttention
from vidgauge.reference_models.layers.spatial_conv import SpatialConv
from vidgauge.reference_models.layers.temporal_attention import TemporalAttention
from vidgauge.reference_models.layers.temporal_conv import TemporalConv
from vidgauge.reference_models.unet.embedding import Sinusoid
from vidgauge.reference_models.unet.norm import norm_groups
from vidgauge.reference_models.unet.residual import start_at_zero
from vidgauge.reference_models.video_ldm.given import Given
from vidgauge.reference_models.video_ldm.tokens import GatedFeedForward, biased


class TemporalLayer(nn.Module):
    """What both kinds have: the mixing factor alpha = sigmoid(a), one number to learn.

    How it starts is not stated; ours is alpha = 1/2 with last layers of zeros, so that a new layer passes z on and yet
    learns from its first step. (With alpha = 1 it would not: the gradient of z' is multiplied by 1 - alpha.)
    """

    def __init__(self) -> None:
        super().__init__()
        self.mixing = nn.Parameter(torch.zeros(()))

    def mixed(self, z: Tensor, mixed_over_time: Tensor, images_b: Tensor | None) -> Tensor:
        """``z + (1 - alpha) (z' - z)``: exactly z where alpha = 1, as for images, and where z' = z."""
        share = 1 - self.mixing.sigmoid()
        if images_b is not None:
            share = torch.where(images_b, torch.zeros_like(share), share).view(-1, *(1,) * (z.ndim - 1))
        return z + share * (mixed_over_time - z)


class TemporalResidual(TemporalLayer):
    """After each residual block of the image model: one of 3-D convolutions with kernels of 3 x 1 x 1.

    Its norms are over all frames; nothing else in the network is. c_S, with which prediction and interpolation are
    conditioned, is added to what the first convolution gives, as if it were more channels of its input: "the 3D conv
    layers" make that easy; how is not stated; ours.

    Args:
        channels: C.
        embedding: E.
        context_channels: of c_S; 0 without it.
        dropout: before the last convolution.
    """

    def __init__(self, channels: int, embedding: int, context_channels: int, dropout: float) -> None:
        super().__init__()
        groups = norm_groups(channels)
        self.norm_in, self.norm_out = nn.GroupNorm(groups, channels), nn.GroupNorm(groups, channels)
        self.convolution_in = TemporalConv(channels, channels, 3)
        self.embed = nn.Linear(embedding, channels)
        self.context = None
        if context_channels:
            self.context = start_at_zero(SpatialConv(context_channels, channels, 1, bias=False))
        self.activation, self.dropout = nn.SiLU(), nn.Dropout(dropout)
        self.convolution_out = start_at_zero(TemporalConv(channels, channels, 3))

    def forward(self, z_bcthw: Tensor, given: Given, level: int) -> Tensor:
        """(B, C, T, H, W) in and out, at that resolution of the U-Net."""
        hidden = self.convolution_in(self.activation(self.norm_in(z_bcthw)))
        if self.context is not None and given.context is not None:
            hidden = hidden + self.context(given.context[level])
        hidden = hidden + self.embed(self.activation(given.time_embedding_be))[:, :, None, None, None]
        hidden = self.convolution_out(self.dropout(self.activation(self.norm_out(hidden))))
        return self.mixed(z_bcthw, z_bcthw + hidden, given.images_b)


class TemporalTransformer(TemporalLayer):
    """After each spatial block of a transformer: feed-forward, attention over time, to the text, feed-forward.

    Frames are told apart by sinusoids of their number through two linear maps, within this branch alone.

    Args:
        channels: C.
        heads: of each attention.
        text_channels: of the words.
        text_twice: whether the first attention is to the text instead of over time, as that of the spatial block.
    """

    def __init__(self, channels: int, heads: int, text_channels: int, *, text_twice: bool = False) -> None:
        super().__init__()
        self.text_twice = text_twice
        self.sinusoid = Sinusoid(channels)
        self.position = nn.Sequential(nn.Linear(channels, 4 * channels), nn.SiLU(), nn.Linear(4 * channels, channels))
        self.norm_feed_in, self.norm_first, self.norm_text, self.norm_feed = (nn.LayerNorm(channels) for _ in range(4))
        self.feed_in, self.feed = GatedFeedForward(channels), GatedFeedForward(channels)
        self.first: Attention | CrossAttention = biased(
            CrossAttention(channels, heads, text_channels, bias=False)
            if text_twice
            else TemporalAttention(channels, heads, bias=False)
        )
        self.text = biased(CrossAttention(channels, heads, text_channels, bias=False))
        branches = (self.feed_in, self.first, self.text, self.feed)
        for last in (self.position[-1], *(branch.project_out for branch in branches)):
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, z_bthwc: Tensor, given: Given) -> Tensor:
        """(B, T, H, W, C) in and out."""
        hidden = z_bthwc + self._positions(z_bthwc)
        hidden = hidden + self.feed_in(self.norm_feed_in(hidden))
        seen = given.time_words if self.text_twice else (given.frame_mask,)
        hidden = hidden + self.first(self.norm_first(hidden), *seen)
        hidden = hidden + self.text(self.norm_text(hidden), *given.time_words)
        hidden = hidden + self.feed(self.norm_feed(hidden))
        return self.mixed(z_bthwc, hidden, given.images_b)

    def _positions(self, z_bthwc: Tensor) -> Tensor:
        """(T, 1, 1, C), for any T."""
        frames = torch.arange(z_bthwc.shape[1], device=z_bthwc.device)
        place: Tensor = self.position(self.sinusoid(frames))
        return place[:, None, None]
