"""Learned perceptual image patch similarity."""

from typing import TYPE_CHECKING, Literal

from vidgauge.errors import UsageError
from vidgauge.metrics.arrays import Array
from vidgauge.metrics.paired import PAIRED, PairedMeasure
from vidgauge.record import Measure

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vidgauge.metrics.networks.lpips import LPIPSNetwork

PatchDistance = Literal["published", "spatial", "torchmetrics"]


@PAIRED.register("lpips")
class LPIPS(PairedMeasure):
    """Distance of frames in a network's features, weighted as people judged (Zhang et al., arXiv 1801.03924), v0.1.

    AlexNet or VGG is the network's choice (``backbone``), and so another number.
    """

    measure = Measure(name="lpips", unit="1", better="lower")
    summary = "Perceptual distance of each frame from that of the real video; 0 where they are equal"
    needs_network = True

    convention: PatchDistance = "published"
    """How a map of distances becomes a number: ``vidgauge.metrics.networks.lpips.LPIPSNetwork.distances``."""

    def frames(self, real_tchw: "Tensor", generated_tchw: "Tensor", network: "nn.Module | None" = None) -> Array:
        """The distance of each frame."""
        from vidgauge.metrics.paired.images import checked_frames

        lens = _lens(network)
        real, generated = checked_frames(real_tchw, generated_tchw, lens.smallest)
        return lens.distances(real, generated, self.convention).double().cpu().numpy()

    def smallest(self, network: "nn.Module | None" = None) -> int:
        """What the network needs."""
        return _lens(network).smallest


def _lens(network: "nn.Module | None") -> "LPIPSNetwork":
    from vidgauge.metrics.networks.lpips import LPIPSNetwork

    if not isinstance(network, LPIPSNetwork):
        given = "none" if network is None else type(network).__name__
        raise UsageError(f"lpips looks through the network 'lpips'; it was given {given}")
    return network
