"""Joint space-time attention: every token against every token of the clip."""

from vidgauge.reference_models.box_attention import BoxAttention
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.layers import LAYERS
from vidgauge.reference_models.pattern import Pattern, everything


@LAYERS.register("joint_attention")
class JointAttention(BoxAttention):
    """Full attention over the T H W tokens of a clip, without position signal."""

    def pattern(self, grid: Grid) -> Pattern:
        """Everything sees everything."""
        time, height, width = map(everything, grid)
        return Pattern(time, height, width)

    def box(self, grid: Grid) -> Grid:
        """The whole grid."""
        return grid
