"""Window attention: full attention inside non-overlapping boxes of the token grid."""

import math
from collections.abc import Sequence

import torch

from vidgauge.errors import UsageError
from vidgauge.reference_models.attention import SelfAttention
from vidgauge.reference_models.cost import Cost, Grid
from vidgauge.reference_models.layer import Layer, check_counts
from vidgauge.reference_models.layers import LAYERS


@LAYERS.register("window_attention")
class WindowAttention(Layer):
    """Attention inside (t, h, w) windows, as W.A.L.T. alternates them (Gupta et al., arXiv 2312.06662).

    There is neither a relative position bias nor a shift. A window as large as the grid is joint attention.

    Args:
        channels: C of input and output.
        heads: attention heads, a divisor of C.
        window: extents along time, height and width; each must divide the grid's.
        bias: whether the projections add one.
    """

    takes = "tokens_bthwc"

    def __init__(self, channels: int, heads: int, window: Sequence[int], *, bias: bool = True) -> None:
        super().__init__()
        if not isinstance(window, Sequence) or len(window) != 3:
            raise UsageError(f"window is {window!r}; it must be three extents: time, height, width")
        time, height, width = window
        check_counts(window_time=time, window_height=height, window_width=width)
        self.in_channels = channels
        self.window: Grid = (time, height, width)
        self.attention = SelfAttention(channels, heads, bias=bias)

    def forward(self, tokens_bthwc: torch.Tensor) -> torch.Tensor:
        """Attend: (B, T, H, W, C) in and out."""
        batch, _ = self.split(tokens_bthwc.shape)
        (t, h, w), (nt, nh, nw) = self.window, self._windows(tokens_bthwc.shape)
        boxes = tokens_bthwc.reshape(batch, nt, t, nh, h, nw, w, -1).permute(0, 1, 3, 5, 2, 4, 6, 7)
        mixed: torch.Tensor = self.attention(boxes.reshape(batch * nt * nh * nw, t * h * w, -1))
        folded = mixed.reshape(batch, nt, nh, nw, t, h, w, -1).permute(0, 1, 4, 2, 5, 3, 6, 7)
        return folded.reshape(tokens_bthwc.shape)

    def cost(self, shape: Sequence[int]) -> Cost:
        """N / (t h w) sequences of t h w tokens a clip: the core costs 4 N t h w C."""
        batch, _ = self.split(shape)
        return self.attention.cost(batch * math.prod(self._windows(shape)), math.prod(self.window))

    def _windows(self, shape: Sequence[int]) -> Grid:
        """Windows along each axis of the grid."""
        _, grid = self.split(shape)
        if any(extent % size for extent, size in zip(grid, self.window, strict=True)):
            raise UsageError(
                f"window {self.window} does not divide the token grid {grid}; choose divisors of each extent"
            )
        (t, h, w), (time, height, width) = self.window, grid
        return time // t, height // h, width // w
