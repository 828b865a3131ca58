"""Frame consistency: how alike the frames of a clip are."""

from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.means import Mean
from vidgauge.metrics.measures import MEASURES, VideoMeasure
from vidgauge.metrics.similarity import FramePairs, frame_similarity
from vidgauge.record import Measure


@MEASURES.register("frame-consistency")
class FrameConsistency(VideoMeasure):
    """Mean cosine between embeddings of frames of one clip, by one of four published choices of pairs.

    A frozen video scores 1: read it beside a measure that sees motion.
    """

    measure = Measure(name="frame-consistency", unit="1", better="higher")
    summary = "Mean cosine between frames of a clip in an image network; a frozen video scores 1"
    output: str = "frames_ntd"

    pairs: FramePairs = "consecutive"
    """Which frames are compared: ``vidgauge.metrics.similarity.frame_similarity`` says who chose what."""

    def statistic(self, *sets: Evidence) -> Mean:
        """As a function of the clips' counts."""
        (generated,) = sets
        return Mean(frame_similarity(generated.outputs[self.output], self.pairs))
