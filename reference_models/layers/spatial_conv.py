"""Space-only convolution: the 1 x k x k kernel of Video Diffusion Models."""

from vidgauge.reference_models.layers import LAYERS
from vidgauge.reference_models.layers.conv3d import Conv3d


@LAYERS.register("spatial_conv")
class SpatialConv(Conv3d):
    """1 x k x k convolution, stride 1, same padding: one 2-D convolution of each frame, which do not mix.

    Ho et al., arXiv 2204.03458, section 3: each 2-D convolution of the U-Net becomes space-only 3-D.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        spatial_kernel: odd k along height and width.
        bias: whether to add one.
    """

    def __init__(self, in_channels: int, out_channels: int, spatial_kernel: int = 3, *, bias: bool = True) -> None:
        super().__init__(in_channels, out_channels, spatial_kernel, temporal_kernel=1, bias=bias)
