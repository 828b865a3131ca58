"""Space-only convolution: the 1 x k x k kernel of Video Diffusion Models."""

from collections.abc import Sequence

from vidgauge.reference_models.convolution import SingleConvolution
from vidgauge.reference_models.layers import LAYERS


@LAYERS.register("spatial_conv")
class SpatialConv(SingleConvolution):
    """1 x k x k kernel of three dimensions on the whole video; frames do not mix.

    Ho et al., arXiv 2204.03458, section 3: each 2-D convolution of the U-Net becomes space-only 3-D.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        spatial_kernel: odd k along height and width.
        stride: steps along time (1), height and width.
        groups: blocks of channels that do not mix.
        bias: whether to add one.
    """

    over_time = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        spatial_kernel: int = 3,
        *,
        stride: Sequence[int] = (1, 1, 1),
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        kernel = (1, spatial_kernel, spatial_kernel)
        super().__init__(in_channels, out_channels, kernel, stride=stride, groups=groups, bias=bias)
