"""Temporal attention: every token against those at its own place in all frames."""

from typing import Unpack

from vidgauge.reference_models.attention import AttentionOptions
from vidgauge.reference_models.box_attention import BoxAttention
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.layer import check_counts
from vidgauge.reference_models.layers import LAYERS
from vidgauge.reference_models.pattern import Pattern, everything, itself
from vidgauge.reference_models.positions import RelativeKeys


@LAYERS.register("temporal_attention")
class TemporalAttention(BoxAttention):
    """Full attention over the T tokens at each place; places do not mix (Ho et al., arXiv 2204.03458, section 3).

    Args:
        channels: C of input and output.
        heads: attention heads, a divisor of C.
        max_frames: longest clip for which there are relative positions (Shaw et al., arXiv 1803.02155); without it
            there are none, and the order of the frames makes no difference.
        options: as of every attention.
    """

    def __init__(
        self, channels: int, heads: int, *, max_frames: int | None = None, **options: Unpack[AttentionOptions]
    ) -> None:
        super().__init__(channels, heads, **options)
        self.relative_keys: RelativeKeys | None = None
        if max_frames is not None:
            check_counts(max_frames=max_frames)
            self.relative_keys = RelativeKeys(heads, channels // heads, max_frames)
            self.positions = self.relative_keys

    def pattern(self, grid: Grid) -> Pattern:
        """Tokens at the same place see each other."""
        time, height, width = grid
        if self.relative_keys is not None:
            self.relative_keys.check_frames(time)
        return Pattern(everything(time), itself(height), itself(width))

    def box(self, grid: Grid) -> Grid:
        """A place through all frames."""
        return grid[0], 1, 1
