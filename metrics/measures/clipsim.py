"""CLIPSIM: how well frames fit their caption."""

from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.means import Mean, RatioOfMeans
from vidgauge.metrics.measures import MEASURES, VideoMeasure
from vidgauge.metrics.similarity import Average, text_similarity
from vidgauge.record import Measure


@MEASURES.register("clipsim")
class CLIPSIM(VideoMeasure):
    """Mean cosine between caption and frames in a CLIP model, raw (GODIVA, arXiv 2104.14806)."""

    measure = Measure(name="clipsim", unit="1", better="higher")
    summary = "Mean cosine between each caption and the frames of its video in a CLIP model"
    output: str = "frames_ntd"
    needs_captions = True

    average: Average = "cosines"
    """Over frames: their cosines (GODIVA), or their embeddings before the cosine (VGen)."""

    def statistic(self, *sets: Evidence) -> Mean:
        """As a function of the clips' counts."""
        (generated,) = sets
        return Mean(text_similarity(generated.outputs[self.output], generated.outputs["texts_nd"], self.average))


@MEASURES.register("clipsim-ratio")
class RelativeCLIPSIM(VideoMeasure):
    """CLIPSIM of the generated clips over that of the real ones, each with its own captions (GODIVA's RM).

    A ratio of means: it asks for no pairing of generated with real clips.
    """

    measure = Measure(name="clipsim-ratio", unit="1", better="higher")
    summary = "CLIPSIM of generated videos over that of real videos: 1 where captions fit both alike"
    output: str = "frames_ntd"
    compares = True
    needs_captions = True

    average: Average = "cosines"

    def statistic(self, *sets: Evidence) -> RatioOfMeans:
        """As a function of the clips' counts."""
        real_n, generated_n = (
            text_similarity(evidence.outputs[self.output], evidence.outputs["texts_nd"], self.average)
            for evidence in sets
        )
        return RatioOfMeans(real_n, generated_n)
