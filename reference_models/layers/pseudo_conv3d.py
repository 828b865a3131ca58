"""Pseudo-3-D convolution of Make-A-Video: a 2-D convolution, then a 1-D one along time that starts as the identity."""

from collections.abc import Sequence

import torch
from torch import nn

from vidgauge.reference_models.cost import Cost, elementwise
from vidgauge.reference_models.factorised_convolution import FactorisedConvolution
from vidgauge.reference_models.layers import LAYERS


@LAYERS.register("pseudo_conv3d")
class PseudoConv3d(FactorisedConvolution):
    """Conv1D over time of Conv2D over space, nothing between: Singer et al., arXiv 2209.14792, section 3.2.1.

    The temporal kernel keeps the channels (M = C_out) and starts as a Dirac delta, so that a new layer equals its 2-D
    convolution on every frame. As in the paper, the default folds frames into the batch for the first and places for
    the second convolution; the transpositions between them are part of what is timed.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        spatial_kernel: odd k along height and width.
        temporal_kernel: odd k_t along time.
        stride: steps along time (of the second half), height and width (of the first).
        bias: whether each half adds one.
        execution: ``conv2d_conv1d`` or ``conv3d``.
    """

    ways = ("conv2d_conv1d", "conv3d")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        spatial_kernel: int = 3,
        temporal_kernel: int = 3,
        *,
        stride: Sequence[int] = (1, 1, 1),
        bias: bool = True,
        execution: str = "conv2d_conv1d",
    ) -> None:
        kernel = (temporal_kernel, spatial_kernel, spatial_kernel)
        super().__init__(in_channels, out_channels, out_channels, kernel, stride=stride, bias=bias, execution=execution)
        self.start_as_identity()

    def start_as_identity(self) -> None:
        """Put a Dirac delta and a bias of zero into the second half."""
        nn.init.dirac_(self.time.weight)
        if self.time.bias is not None:
            nn.init.zeros_(self.time.bias)

    def between(self, middle: torch.Tensor) -> torch.Tensor:
        """Nothing."""
        return middle

    def between_cost(self, numbers: int) -> Cost:
        """Nothing."""
        del numbers
        return elementwise(0)
