"""Spatial window attention: full attention inside windows of each frame that do not overlap."""

from collections.abc import Sequence
from typing import Any, Unpack

from vidgauge.errors import UsageError
from vidgauge.reference_models.attention import AttentionOptions
from vidgauge.reference_models.box_attention import BoxAttention
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.layer import check_extents
from vidgauge.reference_models.layers import LAYERS
from vidgauge.reference_models.pattern import Pattern, itself, same_box
from vidgauge.reference_models.positions import RelativeBias


@LAYERS.register("spatial_window_attention")
class SpatialWindowAttention(BoxAttention):
    """Attention inside h x w windows of each frame; frames never mix, images and clips are treated alike.

    W.A.L.T.'s spatial layers, whose window is the whole latent frame (Gupta et al., arXiv 2312.06662, section 3.2), and
    Swin's windows without the shift (Liu et al., arXiv 2103.14030, section 3.1).

    Args:
        channels: C of input and output.
        heads: attention heads, a divisor of C.
        window: extents along height and width; each must divide the grid's.
        relative_bias: add a learned number to each score for the offset in the window, as both papers do.
        options: as of every attention; W.A.L.T. also has ``qk_norm``.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        window: Sequence[int],
        *,
        relative_bias: bool = False,
        **options: Unpack[AttentionOptions],
    ) -> None:
        super().__init__(channels, heads, **options)
        height, width = check_extents("window", window, ("height", "width"))
        self.window = height, width
        if relative_bias:
            self.positions = RelativeBias(heads, (1, height, width))

    @classmethod
    def example(cls, channels: int, grid: Grid) -> dict[str, Any]:
        """Half the height and width where they are even: four windows a frame."""
        window = [extent // 2 if extent % 2 == 0 else extent for extent in grid[1:]]
        return super().example(channels, grid) | {"window": window}

    def pattern(self, grid: Grid) -> Pattern:
        """Tokens of the same frame and window see each other."""
        _, height, width = self.box(grid)
        return Pattern(itself(grid[0]), same_box(grid[1], height), same_box(grid[2], width))

    def box(self, grid: Grid) -> Grid:
        """A window of one frame."""
        if any(extent % size for extent, size in zip(grid[1:], self.window, strict=True)):
            raise UsageError(
                f"window {self.window} does not divide the frame {grid[1:]} of the token grid {grid}; "
                "choose divisors of its height and width"
            )
        return 1, *self.window
