"""Time-only convolution: the k_t x 1 x 1 kernel that turns image models into video models."""

from collections.abc import Sequence

from vidgauge.reference_models.convolution import SingleConvolution
from vidgauge.reference_models.layers import LAYERS


@LAYERS.register("temporal_conv")
class TemporalConv(SingleConvolution):
    """k_t x 1 x 1 kernel of three dimensions on the whole video; places do not mix.

    Blattmann et al., Align your Latents (arXiv 2304.08818), section 3.1: their temporal layers are residual blocks of
    such kernels between the layers of an image model.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        temporal_kernel: odd k_t along time.
        stride: steps along time, height (1) and width (1).
        groups: blocks of channels that do not mix.
        bias: whether to add one.
    """

    over_space = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        temporal_kernel: int = 3,
        *,
        stride: Sequence[int] = (1, 1, 1),
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, (temporal_kernel, 1, 1), stride=stride, groups=groups, bias=bias)
