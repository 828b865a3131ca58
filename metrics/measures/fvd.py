"""Fréchet video distance."""

import math

from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.frechet import FrechetConvention, FrechetDistance
from vidgauge.metrics.measures import MEASURES
from vidgauge.metrics.trials import MeasureInTrials, Samples
from vidgauge.record import Measure


@MEASURES.register("fvd")
class FVD(MeasureInTrials):
    """Fréchet distance between Gaussians fitted to the features of real and generated clips (arXiv 1812.01717)."""

    measure = Measure(name="fvd", unit="1", better="lower")
    summary = "Fréchet distance between real and generated clips in a video network's features"
    positive = True
    of_pairs = True
    extrapolates = True

    output: str = "features_nd"

    convention: FrechetConvention = "ddof-1"
    """Which published code's covariance and root: ``vidgauge.metrics.frechet.CONVENTIONS``."""

    def distance(self, real: Samples, generated: Samples) -> FrechetDistance:
        """Of one trial, as a function of the samples' counts."""
        return FrechetDistance(real.features_nd, generated.features_nd, convention=self.convention)

    def fewest_in_halves(self, *sets: Evidence) -> int:
        """Two samples a dimension in each half of each trial: of fewer, other terms than pairs' have their say."""
        shape = sets[0].outputs[self.output].shape
        rows = 1 if len(shape) == 2 else shape[1]
        return max(super().fewest_in_halves(*sets), math.ceil(4 * shape[-1] * self.trials / rows))

    def notes(self, *sets: Evidence) -> list[str]:
        """How trials scatter; a warning where covariances rest on fewer than two samples a dimension: bias rules."""
        notes, n = super().notes(*sets), self.samples(*sets)
        shape = sets[0].outputs[self.output].shape
        dimension, what = shape[-1], "clips" if len(shape) == 2 else "frames"
        if n < 2 * dimension:
            notes.append(f"{n} {what} are fewer than twice the {dimension} features: biased upwards")
        return notes
