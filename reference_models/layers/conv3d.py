"""Full 3-D convolution: space and time mixed by one kernel."""

from collections.abc import Sequence

from vidgauge.reference_models.convolution import SingleConvolution
from vidgauge.reference_models.layers import LAYERS


@LAYERS.register("conv3d")
class Conv3d(SingleConvolution):
    """Dense k_t x k x k kernel: an output frame sees k_t // 2 frames to each side.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        spatial_kernel: odd k along height and width.
        temporal_kernel: odd k_t along time.
        stride: steps along time, height and width.
        groups: blocks of channels that do not mix.
        bias: whether to add one.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        spatial_kernel: int = 3,
        temporal_kernel: int = 3,
        *,
        stride: Sequence[int] = (1, 1, 1),
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        kernel = (temporal_kernel, spatial_kernel, spatial_kernel)
        super().__init__(in_channels, out_channels, kernel, stride=stride, groups=groups, bias=bias)
