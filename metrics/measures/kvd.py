"""Kernel video distance."""

from pydantic import Field

from vidgauge.metrics.kernel import Estimator, KernelDistance
from vidgauge.metrics.measures import MEASURES
from vidgauge.metrics.statistic import Smooth
from vidgauge.metrics.trials import MeasureInTrials, Samples
from vidgauge.record import Measure


@MEASURES.register("kvd")
class KVD(MeasureInTrials):
    """Polynomial MMD^2 between the features of real and generated clips (arXiv 1812.01717, 1801.01401)."""

    measure = Measure(name="kvd", unit="1", better="lower")
    summary = "Unbiased polynomial MMD^2 between real and generated clips in a video network's features"
    positive = True
    of_pairs = True

    output: str = "features_nd"

    degree: int = Field(default=3, ge=1)
    """Of the polynomial kernel, whose gamma is 1/D."""
    coef0: float = 1.0
    estimator: Estimator = "unbiased"
    """``biased`` counts pairs of a clip with itself."""

    def distance(self, real: Samples, generated: Samples) -> Smooth:
        """Of one trial, as a function of the samples' counts, which are the same for all samples of one file."""
        return KernelDistance(
            real.features_nd,
            generated.features_nd,
            real.sources,
            generated.sources,
            degree=self.degree,
            coef0=self.coef0,
            estimator=self.estimator,
        )
