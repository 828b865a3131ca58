"""Factorised attention: over space inside each frame, then over time at each place."""

from collections.abc import Sequence
from typing import Any, Unpack

import torch

from vidgauge.reference_models.attention import Attention, AttentionOptions
from vidgauge.reference_models.cost import Cost, Grid
from vidgauge.reference_models.layer import Execution, Layer
from vidgauge.reference_models.layers import LAYERS
from vidgauge.reference_models.layers.spatial_attention import SpatialAttention
from vidgauge.reference_models.layers.temporal_attention import TemporalAttention


@LAYERS.register("factorised_attention")
class FactorisedAttention(Layer):
    """Spatial, then temporal attention, each with its own projections (Ho et al., arXiv 2204.03458, section 3).

    The residual connections and norms of a block around the two are left out, as everywhere in the zoo.

    Args:
        channels: C of input and output.
        heads: attention heads, a divisor of C.
        max_frames: longest clip for which the temporal stage has relative positions; without it there are none.
        options: as of every attention, for both stages.
    """

    takes = "tokens_bthwc"

    def __init__(
        self, channels: int, heads: int, *, max_frames: int | None = None, **options: Unpack[AttentionOptions]
    ) -> None:
        super().__init__()
        self.in_channels = channels
        self.space = SpatialAttention(channels, heads, **options)
        self.time = TemporalAttention(channels, heads, max_frames=max_frames, **options)

    @classmethod
    def example(cls, channels: int, grid: Grid) -> dict[str, Any]:
        """As of every attention."""
        return Attention.example(channels, grid)

    @classmethod
    def executions(cls) -> Sequence[Execution]:
        """As of every attention; both stages in the same form."""
        return SpatialAttention.executions()

    def forward(self, tokens_bthwc: torch.Tensor, frame_mask: torch.Tensor | None = None) -> torch.Tensor:
        """Attend: (B, T, H, W, C) in and out. ``frame_mask`` is for the temporal stage, as of every attention."""
        mixed: torch.Tensor = self.time(self.space(tokens_bthwc), frame_mask)
        return mixed

    def cost(self, shape: Sequence[int]) -> Cost:
        """The core costs 4 N (H W + T) C, the two sets of projections 16 N C^2 a clip."""
        return self.space.cost(shape) + self.time.cost(shape)
