"""Fréchet video distance."""

from collections.abc import Callable
from typing import Literal

from vidgauge.metrics.arrays import Array
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.frechet import frechet_distance_of_features
from vidgauge.metrics.measures import MEASURES, VideoMeasure
from vidgauge.record import Measure


@MEASURES.register("fvd")
class FVD(VideoMeasure):
    """Fréchet distance between Gaussians fitted to the features of real and generated clips (arXiv 1812.01717)."""

    measure = Measure(name="fvd", unit="1", better="lower")
    summary = "Fréchet distance between real and generated clips in a video network's features"
    output = "features_nd"
    compares = True
    fewest = 2

    ddof: Literal[0, 1] = 1
    """Subtracted from the number of clips in the covariance."""

    def statistic(self, *sets: Evidence) -> Callable[..., float]:
        """As a function of the clips' counts."""
        real_nd, generated_nd = (evidence.outputs[self.output] for evidence in sets)

        def distance(real_n: Array | None = None, generated_n: Array | None = None) -> float:
            return frechet_distance_of_features(real_nd, generated_nd, real_n, generated_n, ddof=self.ddof)

        return distance

    def notes(self, *sets: Evidence) -> list[str]:
        """A warning where the covariance rests on fewer than two samples a dimension: bias then rules the number."""
        n = min(len(evidence) for evidence in sets)
        dimension = sets[0].outputs[self.output].shape[1]
        return [f"{n} clips are fewer than twice the {dimension} features: biased upwards"] if n < 2 * dimension else []
