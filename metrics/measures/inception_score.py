"""Video Inception Score."""

from collections.abc import Callable

from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.inception import inception_score
from vidgauge.metrics.measures import MEASURES, VideoMeasure
from vidgauge.record import Measure


@MEASURES.register("is")
class VideoInceptionScore(VideoMeasure):
    """``exp E KL(p(y|x) || p(y))`` under a video classifier (arXiv 1606.03498; for video TGAN, arXiv 1611.06624)."""

    measure = Measure(name="is", unit="1", better="higher")
    summary = "Inception Score: how sure a video classifier is, and how evenly the classes come"
    output = "probabilities_nk"

    splits: int = 1
    """Contiguous parts that are scored apart and averaged."""

    def statistic(self, *sets: Evidence) -> Callable[..., float]:
        """As a function of the clips' counts."""
        (generated,) = sets
        return lambda *counts: inception_score(generated.outputs[self.output], self.splits, *counts)
