"""The convolutions of the backbone's residual blocks, one of four kinds."""

from collections.abc import Callable

from torch import nn

from vidgauge.reference_models.backbone.design import Convolutions
from vidgauge.reference_models.convolution import Convolution
from vidgauge.reference_models.inflation import inflate_
from vidgauge.reference_models.layers.conv2plus1d import Conv2Plus1d
from vidgauge.reference_models.layers.conv3d import Conv3d
from vidgauge.reference_models.layers.spatial_conv import SpatialConv
from vidgauge.reference_models.make_a_video.pseudo import PseudoConv, TimeSwitch
from vidgauge.reference_models.unet.residual import Convolve


def inflated(in_channels: int, out_channels: int) -> Conv3d:
    """A 3 x 3 x 3 kernel with a new image kernel in its middle and zeros before and after it."""
    layer = Conv3d(in_channels, out_channels)
    inflate_(layer, nn.Conv2d(in_channels, out_channels, 3, padding=1), "central")
    return layer


def convolution(kind: Convolutions, switch: TimeSwitch) -> Convolve:
    """Makes those of one kind.

    Args:
        kind: which.
        switch: the network's; where it is off, what a ``pseudo3d`` has over time is left out.
    """

    def pseudo(in_channels: int, out_channels: int) -> Convolution:
        return PseudoConv(in_channels, out_channels, switch)

    makers: dict[Convolutions, Callable[[int, int], Convolution]] = {
        "conv3d": inflated,
        "conv2plus1d": Conv2Plus1d,
        "pseudo3d": pseudo,
        "conv1x3x3": SpatialConv,
    }
    return makers[kind]
