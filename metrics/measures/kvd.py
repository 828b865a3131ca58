"""Kernel video distance."""

from collections.abc import Callable

from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.kernel import KernelDistance
from vidgauge.metrics.measures import MEASURES, VideoMeasure
from vidgauge.record import Measure


@MEASURES.register("kvd")
class KVD(VideoMeasure):
    """Unbiased polynomial MMD^2 between the features of real and generated clips (arXiv 1812.01717, 1801.01401)."""

    measure = Measure(name="kvd", unit="1", better="lower")
    summary = "Unbiased polynomial MMD^2 between real and generated clips in a video network's features"
    output = "features_nd"
    compares = True
    fewest = 2

    degree: int = 3
    """Of the polynomial kernel, whose gamma is 1/D."""
    coef0: float = 1.0

    def statistic(self, *sets: Evidence) -> Callable[..., float]:
        """As a function of the clips' counts."""
        real_nd, generated_nd = (evidence.outputs[self.output] for evidence in sets)
        return KernelDistance(real_nd, generated_nd, degree=self.degree, coef0=self.coef0)
