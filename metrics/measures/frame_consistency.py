"""Frame consistency: how alike the frames of a clip are."""

from collections.abc import Callable

import numpy as np

from vidgauge.metrics.evidence import Evidence
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

    def statistic(self, *sets: Evidence) -> Callable[..., float]:
        """As a function of the clips' counts."""
        (generated,) = sets
        similarity_n = frame_similarity(generated.outputs[self.output], self.pairs)
        return lambda counts=None: float(np.average(similarity_n, weights=counts))
