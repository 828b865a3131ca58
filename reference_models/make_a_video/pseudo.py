"""Pseudo-3-D layers (section 3.2): an image's layer, then one over time that starts as the identity."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from vidgauge.reference_models import cost
from vidgauge.reference_models.cost import Cost
from vidgauge.reference_models.layers.cross_attention import CrossAttention
from vidgauge.reference_models.layers.pseudo_conv3d import PseudoConv3d
from vidgauge.reference_models.layers.temporal_attention import TemporalAttention
from vidgauge.reference_models.unet.attending import Attending
from vidgauge.reference_models.unet.residual import ResidualBlock


@dataclass(frozen=True)
class Given:
    """What one call of a network hands to its blocks."""

    embedding_be: torch.Tensor
    """(B, E): noise step, and what else concerns the whole clip."""
    context_bnc: torch.Tensor | None = None
    """(B, 4, C): what spatial attention sees beside its own frame."""


class TimeSwitch:
    """Whether the layers over time run: one for all of a network, so that images go through the spatial ones alone."""

    def __init__(self) -> None:
        self.on = True

    @contextmanager
    def set(self, on: bool) -> Iterator[None]:
        """For a while."""
        before, self.on = self.on, on
        try:
            yield
        finally:
            self.on = before


class PseudoConv(PseudoConv3d):
    """``Conv1D(Conv2D(h) o T) o T`` (equation 2), or its first half where time is switched off.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        time: the network's switch.
    """

    def __init__(self, in_channels: int, out_channels: int, time: TimeSwitch) -> None:
        super().__init__(in_channels, out_channels)
        self.switch = time

    def forward(self, video_bcthw: torch.Tensor) -> torch.Tensor:
        """(B, C_in, T, H, W) to (B, C_out, T, H, W)."""
        if self.switch.on:
            return super().forward(video_bcthw)
        image_part: torch.Tensor = self.space(video_bcthw)
        return image_part

    def cost(self, shape: Sequence[int]) -> Cost:
        """Of both halves, or of the first."""
        if self.switch.on:
            return super().cost(shape)
        batch, grid = self.split(shape)
        channels = self.in_channels, self.out_channels
        return self._half_cost(batch, grid, channels, self.space_kernel, self.space_stride)


class ContextAttention(CrossAttention):
    """Spatial attention whose keys and values also hold those of a context: one softmax over both.

    GLIDE's way (Nichol et al., arXiv 2112.10741, section 2.4), which unCLIP's decoder keeps (arXiv 2204.06125, section
    2.1).

    Args:
        channels: C of input and output.
        heads: attention heads, a divisor of C.
        context_channels: width of the context.
        context_tokens: its length, for ``cost``.
    """

    def __init__(self, channels: int, heads: int, context_channels: int, *, context_tokens: int) -> None:
        super().__init__(channels, heads, context_channels, context_tokens=context_tokens)
        self.project_own = nn.Linear(channels, 2 * channels)  # K and V, in this order

    def forward(
        self,
        tokens_bthwc: torch.Tensor,
        context_bnc: torch.Tensor | None = None,
        context_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Attend in each frame: (B, T, H, W, C) in and out. The context, (B, n, context_channels), has no mask."""
        assert context_mask is None
        batch, grid = self.split(tokens_bthwc.shape)
        context = self.project_context(self._checked(batch, context_bnc, None))
        frames = tokens_bthwc.flatten(2, 3).flatten(0, 1)  # (B T, H W, C)
        both = torch.cat([context.repeat_interleave(grid[0], 0), self.project_own(frames)], dim=1)
        key, value = both.view(*both.shape[:2], 2, self.heads, -1).unbind(-3)
        query = self.project_query(frames).unflatten(-1, (self.heads, -1))
        mixed = self._attend(query, key, value, None)
        joined: torch.Tensor = self.project_out(mixed.reshape(batch, *grid, -1))
        return joined

    def cost(self, shape: Sequence[int]) -> Cost:
        """8 N C^2 operations for the tokens' projections, and 4 C for each pair of a token and what it sees."""
        batch, (time, height, width) = self.split(shape)
        frames, place, itemsize = batch * time, height * width, self.itemsize()
        tokens, seen, channels = frames * place, place + self.context_tokens, self.in_channels
        square = cost.linear(tokens, (channels, channels), bias=True, itemsize=itemsize)
        own = cost.linear(tokens, (channels, 2 * channels), bias=True, itemsize=itemsize)
        context = (self.context_channels, 2 * channels)
        return (
            cost.linear(batch * self.context_tokens, context, bias=True, itemsize=itemsize)
            + own
            + square
            + cost.copied(2 * frames * seen * channels, itemsize)
            + cost.attention_core(
                queries=tokens,
                keys=frames * seen,
                pairs=tokens * seen,
                useful_pairs=tokens * seen,
                channels=channels,
                heads=self.heads,
                itemsize=itemsize,
            )
            + square
        )


class PseudoAttention(nn.Module):
    """``Attn1D(Attn2D(h) o T) o T`` (equation 3), each a residual branch that starts at zero.

    Args:
        over_space: attention in each frame.
        over_time: attention at each place, none in an image model.
        time: the network's switch.
    """

    def __init__(self, over_space: ContextAttention, over_time: TemporalAttention | None, time: TimeSwitch) -> None:
        super().__init__()
        self.over_space = Attending(over_space)
        self.over_time = None if over_time is None else Attending(over_time)
        self.switch = time

    def forward(self, video_bcthw: torch.Tensor, given: Given) -> torch.Tensor:
        """(B, C, T, H, W) in and out."""
        video_bcthw = self.over_space(video_bcthw, given.context_bnc)
        if self.over_time is not None and self.switch.on:
            video_bcthw = self.over_time(video_bcthw)
        return video_bcthw


class Block(nn.Module):
    """A residual block and, at some resolutions, attention after it."""

    def __init__(self, residual: ResidualBlock, attention: PseudoAttention | None) -> None:
        super().__init__()
        self.residual, self.attention = residual, attention

    def forward(self, video_bcthw: torch.Tensor, given: Given) -> torch.Tensor:
        """(B, C, T, H, W) to (B, C_out, T, H, W)."""
        video_bcthw = self.residual(video_bcthw, given)
        return video_bcthw if self.attention is None else self.attention(video_bcthw, given)


class Middle(nn.Module):
    """ADM's (arXiv 2105.05233): residual block, attention where there is any, residual block."""

    def __init__(self, first: Block, last: Block) -> None:
        super().__init__()
        self.first, self.last = first, last

    def forward(self, video_bcthw: torch.Tensor, given: Given) -> torch.Tensor:
        """(B, C, T, H, W) in and out."""
        out: torch.Tensor = self.last(self.first(video_bcthw, given), given)
        return out
