"""(2+1)-D convolution: space, then a non-linearity, then time, with as many weights as the 3-D kernel."""

import torch
from torch.nn import functional

from vidgauge.reference_models.cost import Cost, elementwise
from vidgauge.reference_models.factorised_convolution import FactorisedConvolution
from vidgauge.reference_models.layers import LAYERS


def matched_width(in_channels: int, out_channels: int, spatial_kernel: int, temporal_kernel: int) -> int:
    """Middle channels M for which the pair has at most the weights of the full kernel, and as close as can be.

    Tran et al., "A Closer Look at Spatiotemporal Convolutions" (arXiv 1711.11248), section 3.5:
    M = floor(t d^2 C_in C_out / (d^2 C_in + t C_out)).
    """
    area = spatial_kernel**2
    full = temporal_kernel * area * in_channels * out_channels
    return full // (area * in_channels + temporal_kernel * out_channels)


@LAYERS.register("conv2plus1d")
class Conv2Plus1d(FactorisedConvolution):
    """1 x k x k to M channels, ReLU, k_t x 1 x 1 (Tran et al., arXiv 1711.11248, section 3.5); M is ``matched_width``.

    The paper's network puts batch normalisation before the ReLU; it is left out, since in inference it folds into the
    first kernel, and the zoo measures operators, not blocks. The first half runs at all frames, so with a stride along
    time the pair costs more than the 3-D kernel that it matches.

    Arguments are those of every ``FactorisedConvolution``.
    """

    ways = ("conv3d", "conv2d_conv1d")

    def width_between(self) -> int:
        """The paper's, and one at least."""
        frames, size, _ = self.kernel
        return max(1, matched_width(self.in_channels, self.out_channels, size, frames))

    def between(self, middle: torch.Tensor) -> torch.Tensor:
        """ReLU. Autograd keeps its result alone, which is the second convolution's input."""
        return functional.relu(middle)

    def between_cost(self, numbers: int) -> Cost:
        """One operation on each."""
        return elementwise(numbers)
