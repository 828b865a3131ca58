"""The transformers of latent diffusion (Rombach et al., arXiv 2112.10752), which Align your Latents takes over."""

from torch import Tensor, nn

from vidgauge.reference_models.attention import Attention
from vidgauge.reference_models.layers.cross_attention import CrossAttention
from vidgauge.reference_models.layers.spatial_attention import SpatialAttention
from vidgauge.reference_models.unet.norm import FrameNorm
from vidgauge.reference_models.video_ldm.given import Given
from vidgauge.reference_models.video_ldm.temporal import TemporalTransformer
from vidgauge.reference_models.video_ldm.tokens import GatedFeedForward, biased


class SpatialTransformer(nn.Module):
    """``x + out(temporal(spatial(in(norm(x)))))``: one block on the tokens of a frame, then one on those of a place.

    Args:
        channels: C.
        heads: of each attention.
        text_channels: of the words.
        text_twice: whether the first attention of both blocks is to the text as well.
        temporal: whether there is a temporal block; an image model has none.
    """

    def __init__(self, channels: int, heads: int, text_channels: int, *, text_twice: bool, temporal: bool) -> None:
        super().__init__()
        self.norm = FrameNorm(channels)
        self.norm.norm.eps = 1e-6  # Stable Diffusion's, here alone
        self.project_in = nn.Linear(channels, channels)
        self.space = SpatialBlock(channels, heads, text_channels, text_twice=text_twice)
        self.time = TemporalTransformer(channels, heads, text_channels, text_twice=text_twice) if temporal else None
        self.project_out = nn.Linear(channels, channels)
        for parameter in self.project_out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, video_bcthw: Tensor, given: Given) -> Tensor:
        """(B, C, T, H, W) in and out."""
        tokens_bthwc = self.project_in(self.norm(video_bcthw).permute(0, 2, 3, 4, 1))
        tokens_bthwc = self.space(tokens_bthwc, given)
        if self.time is not None and given.temporal:
            tokens_bthwc = self.time(tokens_bthwc, given)
        out: Tensor = video_bcthw + self.project_out(tokens_bthwc).permute(0, 4, 1, 2, 3)
        return out


class SpatialBlock(nn.Module):
    """Attention within the frame, attention to the text, a gated feed-forward layer; each a residual after a norm."""

    def __init__(self, channels: int, heads: int, text_channels: int, *, text_twice: bool) -> None:
        super().__init__()
        self.norm_first, self.norm_text, self.norm_feed = (nn.LayerNorm(channels) for _ in range(3))
        self.first: Attention | CrossAttention = biased(
            CrossAttention(channels, heads, text_channels, bias=False)
            if text_twice
            else SpatialAttention(channels, heads, bias=False)
        )
        self.text = biased(CrossAttention(channels, heads, text_channels, bias=False))
        self.feed = GatedFeedForward(channels)
        self.text_twice = text_twice

    def forward(self, tokens_bthwc: Tensor, given: Given) -> Tensor:
        """(B, T, H, W, C) in and out."""
        words = given.words if self.text_twice else ()
        tokens_bthwc = tokens_bthwc + self.first(self.norm_first(tokens_bthwc), *words)
        tokens_bthwc = tokens_bthwc + self.text(self.norm_text(tokens_bthwc), *given.words)
        out: Tensor = tokens_bthwc + self.feed(self.norm_feed(tokens_bthwc))
        return out
