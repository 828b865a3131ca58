"""The space-time separable block of Imagen Video: what each frame does for itself, then what they share."""

from dataclasses import dataclass

import torch
from torch import nn

from vidgauge.reference_models.folding import apart, packed
from vidgauge.reference_models.layers.cross_attention import CrossAttention
from vidgauge.reference_models.layers.spatial_attention import SpatialAttention
from vidgauge.reference_models.layers.temporal_attention import TemporalAttention
from vidgauge.reference_models.layers.temporal_conv import TemporalConv
from vidgauge.reference_models.unet.attending import Attending
from vidgauge.reference_models.unet.norm import FrameNorm
from vidgauge.reference_models.unet.residual import ResidualBlock, start_at_zero


@dataclass(frozen=True)
class Given:
    """What a call of the network hands to its blocks. R is 1, or T where each frame is an image of its own."""

    embedding_be: torch.Tensor
    """(B, R, E): noise level, pooled text and noise level of the low resolution, summed."""
    tokens_bnc: torch.Tensor
    """(B R, n, C): words of the caption of each clip or image."""
    mask_bn: torch.Tensor
    """(B R, n) bool, True where there is a word."""
    images_b: torch.Tensor | None
    """(B,) bool, True where a row is a sequence of images: no operator over time may mix them. None for videos."""

    def frame_mask(self, frames: int) -> torch.Tensor | None:
        """Of temporal attention: (B, T, T), the identity for images, all true for videos."""
        if self.images_b is None:
            return None
        itself = torch.eye(frames, dtype=torch.bool, device=self.images_b.device)
        return itself | ~self.images_b[:, None, None]


class TemporalConvolution(nn.Module):
    """``x + conv(SiLU(norm(x)))``, 3 x 1 x 1, which starts as the identity. Kernel and norm are not stated; ours."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.activation = FrameNorm(channels), nn.SiLU()
        self.convolution = start_at_zero(TemporalConv(channels, channels, 3))

    def forward(self, video_bcthw: torch.Tensor, images_b: torch.Tensor | None) -> torch.Tensor:
        """(B, C, T, H, W) in and out. Rows of images bypass it."""
        branch: torch.Tensor = self.convolution(self.activation(self.norm(video_bcthw)))
        if images_b is not None:
            branch = branch.masked_fill(images_b[:, None, None, None, None], 0)
        return video_bcthw + branch


class Block(nn.Module):
    """Fig. 7: convolutions in space, self-attention in space, the text; then attention or a convolution over time.

    Args:
        channels: C of the input.
        out_channels: C of the output.
        embedding: E.
        text_channels: of the words; 0 where the block does not see them.
        head_channels: of each head of every attention.
        space: whether there is self-attention in each frame.
        time: what mixes frames.
        max_frames: longest clip for which temporal attention has relative positions.
    """

    def __init__(
        self,
        channels: int,
        out_channels: int,
        embedding: int,
        *,
        text_channels: int,
        head_channels: int,
        space: bool,
        time: str | None,
        max_frames: int,
    ) -> None:
        super().__init__()
        heads = max(1, out_channels // head_channels)
        self.residual = ResidualBlock(channels, out_channels, embedding, scale_shift=True)
        self.space = Attending(SpatialAttention(out_channels, heads)) if space else None
        self.text = Attending(CrossAttention(out_channels, heads, text_channels)) if text_channels else None
        self.convolution = TemporalConvolution(out_channels) if time == "convolution" else None
        self.attention = None
        if time == "attention":
            self.attention = Attending(TemporalAttention(out_channels, heads, max_frames=max_frames))

    def forward(self, video_bcthw: torch.Tensor, given: Given) -> torch.Tensor:
        """(B, C, T, H, W) to (B, C_out, T, H, W)."""
        video_bcthw = self.residual(video_bcthw, given)
        if self.space is not None:
            video_bcthw = self.space(video_bcthw)
        if self.text is not None:
            video_bcthw = self._read(self.text, video_bcthw, given)
        if self.convolution is not None:
            video_bcthw = self.convolution(video_bcthw, given.images_b)
        if self.attention is not None:
            video_bcthw = self.attention(video_bcthw, given.frame_mask(video_bcthw.shape[2]))
        return video_bcthw

    def _read(self, text: Attending, video_bcthw: torch.Tensor, given: Given) -> torch.Tensor:
        """Cross-attention; where each image has a caption of its own, each frame is a clip to it."""
        if len(given.tokens_bnc) == len(video_bcthw):
            seen: torch.Tensor = text(video_bcthw, given.tokens_bnc, given.mask_bn)
            return seen
        return packed(text(apart(video_bcthw), given.tokens_bnc, given.mask_bn), video_bcthw.shape[2])
