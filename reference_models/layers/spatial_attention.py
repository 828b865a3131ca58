"""Spatial attention: every token against those of its own frame."""

from vidgauge.reference_models.box_attention import BoxAttention
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.layers import LAYERS
from vidgauge.reference_models.pattern import Pattern, everything, itself


@LAYERS.register("spatial_attention")
class SpatialAttention(BoxAttention):
    """Full attention over the H W tokens of each frame; frames do not mix (Ho et al., arXiv 2204.03458, section 3)."""

    def pattern(self, grid: Grid) -> Pattern:
        """Tokens of the same frame see each other."""
        time, height, width = grid
        return Pattern(itself(time), everything(height), everything(width))

    def box(self, grid: Grid) -> Grid:
        """A frame."""
        return 1, grid[1], grid[2]
