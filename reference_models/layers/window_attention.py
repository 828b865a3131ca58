"""Space-time window attention: full attention inside boxes of the token grid that do not overlap."""

from collections.abc import Sequence
from typing import Any, Unpack

from vidgauge.errors import UsageError
from vidgauge.reference_models.attention import AttentionOptions
from vidgauge.reference_models.box_attention import BoxAttention
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.layer import check_extents
from vidgauge.reference_models.layers import LAYERS
from vidgauge.reference_models.pattern import Pattern, same_box
from vidgauge.reference_models.positions import RelativeBias


@LAYERS.register("window_attention")
class WindowAttention(BoxAttention):
    """Attention inside (t, h, w) windows, W.A.L.T.'s space-time layers (Gupta et al., arXiv 2312.06662, section 3.2).

    A window as large as the grid is joint attention. For a batch of images in the place of frames, give ``forward`` the
    identity as the frame mask.

    Args:
        channels: C of input and output.
        heads: attention heads, a divisor of C.
        window: extents along time, height and width; each must divide the grid's.
        relative_bias: add a learned number to each score for the offset in the window, as W.A.L.T. does.
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
        time, height, width = check_extents("window", window)
        self.window: Grid = (time, height, width)
        if relative_bias:
            self.positions = RelativeBias(heads, self.window)

    @classmethod
    def example(cls, channels: int, grid: Grid) -> dict[str, Any]:
        """All frames, half the height and width where they are even: four windows."""
        time, *space = grid
        window = [time, *(extent // 2 if extent % 2 == 0 else extent for extent in space)]
        return super().example(channels, grid) | {"window": window}

    def pattern(self, grid: Grid) -> Pattern:
        """Tokens of the same window see each other."""
        time, height, width = map(same_box, grid, self.box(grid))
        return Pattern(time, height, width)

    def box(self, grid: Grid) -> Grid:
        """The window."""
        if any(extent % size for extent, size in zip(grid, self.window, strict=True)):
            raise UsageError(
                f"window {self.window} does not divide the token grid {grid}; choose divisors of each extent"
            )
        return self.window
