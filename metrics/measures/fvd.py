"""Fréchet video distance."""

import numpy as np
from pydantic import Field

from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.frechet import FrechetConvention, FrechetDistance
from vidgauge.metrics.measures import MEASURES, VideoMeasure
from vidgauge.metrics.trials import Trials
from vidgauge.record import Measure


@MEASURES.register("fvd")
class FVD(VideoMeasure):
    """Fréchet distance between Gaussians fitted to the features of real and generated clips (arXiv 1812.01717)."""

    measure = Measure(name="fvd", unit="1", better="lower")
    summary = "Fréchet distance between real and generated clips in a video network's features"
    output = "features_nd"
    compares = True

    convention: FrechetConvention = "ddof-1"
    """Which published code's covariance and root: ``vidgauge.metrics.frechet.CONVENTIONS``."""
    trials: int = Field(default=1, ge=1)
    """Equal, contiguous parts of both sets that are compared apart; the score is the mean (MAGVIT 4, DIGAN 10)."""

    @property
    def fewest(self) -> int:  # type: ignore[override] # it depends on a parameter
        """Two clips a trial."""
        return 2 * self.trials

    def statistic(self, *sets: Evidence) -> Trials:
        """As a function of the clips' counts."""
        real, generated = sets
        return Trials(
            real,
            generated,
            self.output,
            self.trials,
            lambda a, b: FrechetDistance(a.features_nd, b.features_nd, convention=self.convention),
        )

    def notes(self, *sets: Evidence) -> list[str]:
        """How trials scatter; a warning where covariances rest on fewer than two samples a dimension: bias rules."""
        notes = []
        if self.trials > 1:
            each = self.statistic(*sets).each()
            notes.append(f"standard deviation over {self.trials} trials, as published: {np.std(each):.4g}")
        shapes = [evidence.outputs[self.output].shape for evidence in sets]
        n, dimension = min(int(np.prod(shape[:-1])) // self.trials for shape in shapes), shapes[0][-1]
        what = "clips" if len(shapes[0]) == 2 else "frames"
        if n < 2 * dimension:
            notes.append(f"{n} {what} are fewer than twice the {dimension} features: biased upwards")
        return notes
