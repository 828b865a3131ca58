"""What the convolutions over space and time have in common: their configuration."""

from abc import abstractmethod
from typing import Any

from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.layer import Layer, check_counts, check_kernels

Kernel = tuple[int, int, int]


class SpaceTimeConvolution(Layer):
    """A k_t x k x k neighbourhood of each position, in one way or another; stride 1, zero padding that keeps the shape.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        spatial_kernel: odd k along height and width.
        temporal_kernel: odd k_t along time.
        bias: whether each convolution adds one.
    """

    takes = "video_bcthw"

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        spatial_kernel: int = 3,
        temporal_kernel: int = 3,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, out_channels=out_channels)
        check_kernels(spatial_kernel=spatial_kernel, temporal_kernel=temporal_kernel)
        self.in_channels, self.out_channels, self.bias = in_channels, out_channels, bias
        self.space_kernel: Kernel = (1, spatial_kernel, spatial_kernel)
        self.time_kernel: Kernel = (temporal_kernel, 1, 1)
        self.add_convolutions(spatial_kernel, temporal_kernel)

    @abstractmethod
    def add_convolutions(self, spatial_kernel: int, temporal_kernel: int) -> None:
        """Make the modules that hold the weights."""

    @classmethod
    def example(cls, channels: int, grid: Grid) -> dict[str, Any]:
        """As many channels out as in."""
        del grid
        return {"in_channels": channels, "out_channels": channels}
