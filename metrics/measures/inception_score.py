"""Video Inception Score."""

from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.inception import CONVENTIONS, InceptionConvention, InceptionScore, inception_scores
from vidgauge.metrics.measures import MEASURES, VideoMeasure
from vidgauge.record import Measure


@MEASURES.register("is")
class VideoInceptionScore(VideoMeasure):
    """``exp E KL(p(y|x) || p(y))`` under a video classifier (arXiv 1606.03498; for video TGAN, arXiv 1611.06624).

    The interval is for the expected score of parts of this size; the deviations that papers print are between parts.
    """

    measure = Measure(name="is", unit="1", better="higher")
    summary = "Inception Score: how sure a video classifier is, and how evenly the classes come"
    positive = True
    of_pairs = True

    output: str = "probabilities_nk"

    convention: InceptionConvention = "whole"
    """How the clips are cut into parts: ``vidgauge.metrics.inception.CONVENTIONS``."""

    @property
    def fewest(self) -> int:
        """One clip a part."""
        return CONVENTIONS[self.convention].parts

    def statistic(self, *sets: Evidence) -> InceptionScore:
        """As a function of the clips' counts."""
        (generated,) = sets
        return InceptionScore(generated.outputs[self.output], CONVENTIONS[self.convention])

    def notes(self, *sets: Evidence) -> list[str]:
        """The deviation that papers print, and how the number of clips stands to the published one."""
        (generated,) = sets
        rule, notes = CONVENTIONS[self.convention], []
        if rule.spread:
            deviation = inception_scores(generated.outputs[self.output], self.convention).std()
            notes.append(f"standard deviation over {rule.parts} {rule.spread}, as published: {deviation:.4g}")
        if rule.samples and len(generated) != rule.samples:
            how = "low" if len(generated) < rule.samples else "high"
            notes.append(f"{len(generated)} clips instead of {rule.samples}: biased {how} against published scores")
        return notes
