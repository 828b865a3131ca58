"""Kernel video distance."""

from collections.abc import Callable

import numpy as np
from pydantic import Field

from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.kernel import Estimator, KernelDistance
from vidgauge.metrics.measures import MEASURES, VideoMeasure
from vidgauge.metrics.trials import Samples, Trials
from vidgauge.record import Measure


@MEASURES.register("kvd")
class KVD(VideoMeasure):
    """Polynomial MMD^2 between the features of real and generated clips (arXiv 1812.01717, 1801.01401)."""

    measure = Measure(name="kvd", unit="1", better="lower")
    summary = "Unbiased polynomial MMD^2 between real and generated clips in a video network's features"
    output = "features_nd"
    compares = True

    degree: int = Field(default=3, ge=1)
    """Of the polynomial kernel, whose gamma is 1/D."""
    coef0: float = 1.0
    estimator: Estimator = "unbiased"
    """``biased`` counts pairs of a clip with itself."""
    trials: int = Field(default=1, ge=1)
    """Equal, contiguous parts of both sets that are compared apart; the score is the mean (DIGAN 10)."""

    @property
    def fewest(self) -> int:  # type: ignore[override] # it depends on a parameter
        """Two clips a trial."""
        return 2 * self.trials

    def statistic(self, *sets: Evidence) -> Trials:
        """As a function of the clips' counts."""
        real, generated = sets
        return Trials(real, generated, self.output, self.trials, self.distance)

    def distance(self, real: Samples, generated: Samples) -> Callable[..., float]:
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

    def notes(self, *sets: Evidence) -> list[str]:
        """How trials scatter."""
        if self.trials == 1:
            return []
        each = self.statistic(*sets).each()
        return [f"standard deviation over {self.trials} trials, as published: {np.std(each):.4g}"]
