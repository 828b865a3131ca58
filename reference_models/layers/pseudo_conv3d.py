"""Pseudo-3-D convolution of Make-A-Video: a 2-D convolution, then a 1-D one along time that starts as the identity."""

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

    Arguments are those of every ``FactorisedConvolution``.
    """

    ways = ("conv2d_conv1d", "conv3d")

    def width_between(self) -> int:
        """As many channels as come out."""
        return self.out_channels

    def start(self) -> None:
        """A new layer's second half does nothing."""
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
