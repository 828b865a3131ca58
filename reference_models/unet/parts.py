"""What most of the U-Nets here have between their blocks: convolutions of single frames."""

from vidgauge.reference_models.layers.spatial_conv import SpatialConv
from vidgauge.reference_models.unet.resampling import ConvolvedUp, StridedDown


class SpatialParts:
    """Changes of resolution, of height and width and never of time, and both ends; for ``unet.skeleton``."""

    def down(self, level: int, channels: int) -> StridedDown:
        """Half the height and width, by a strided convolution (not stated; ours, as in arXiv 2006.11239)."""
        del level
        return StridedDown(channels)

    def up(self, level: int, channels: int) -> ConvolvedUp:
        """Twice the height and width: each place four times, and a convolution."""
        del level
        return ConvolvedUp(channels)

    def end(self, channels: int, out_channels: int) -> SpatialConv:
        """First and last convolution: 1 x 3 x 3."""
        return SpatialConv(channels, out_channels)
