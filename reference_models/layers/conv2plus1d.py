"""(2+1)-D convolution: space, then a non-linearity, then time, with as many weights as the 3-D kernel."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from vidgauge.reference_models.cost import Cost, elementwise
from vidgauge.reference_models.factorised_convolution import FactorisedConvolution
from vidgauge.reference_models.layer import check_counts
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

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        spatial_kernel: odd k along height and width.
        temporal_kernel: odd k_t along time.
        stride: steps along time (of the second half), height and width (of the first).
        bias: whether each half adds one.
        execution: ``conv3d`` or ``conv2d_conv1d``.
    """

    ways = ("conv3d", "conv2d_conv1d")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        spatial_kernel: int = 3,
        temporal_kernel: int = 3,
        *,
        stride: Sequence[int] = (1, 1, 1),
        bias: bool = True,
        execution: str = "conv3d",
    ) -> None:
        check_counts(
            in_channels=in_channels,
            out_channels=out_channels,
            spatial_kernel=spatial_kernel,
            temporal_kernel=temporal_kernel,
        )
        middle = max(1, matched_width(in_channels, out_channels, spatial_kernel, temporal_kernel))
        kernel = (temporal_kernel, spatial_kernel, spatial_kernel)
        super().__init__(in_channels, out_channels, middle, kernel, stride=stride, bias=bias, execution=execution)

    def between(self, middle: torch.Tensor) -> torch.Tensor:
        """ReLU. Autograd keeps its result alone, which is the second convolution's input."""
        return functional.relu(middle)

    def between_cost(self, numbers: int) -> Cost:
        """One operation on each."""
        return elementwise(numbers)
