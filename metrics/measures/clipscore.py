"""CLIPScore of videos, frame by frame."""

from typing import Literal

import numpy as np

from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.means import Mean
from vidgauge.metrics.measures import MEASURES, VideoMeasure
from vidgauge.metrics.similarity import frame_text_cosines
from vidgauge.record import Measure


@MEASURES.register("clipscore")
class CLIPScore(VideoMeasure):
    """CLIPScore (Hessel et al., arXiv 2104.08718) of every frame with its video's caption, averaged."""

    measure = Measure(name="clipscore", unit="1", better="higher")
    summary = "CLIPScore of each frame with its video's caption: 2.5 times the cosine, or 0 where that is negative"
    output: str = "frames_ntd"
    needs_captions = True

    convention: Literal["hessel", "torchmetrics"] = "hessel"
    """``hessel``: 2.5 max(cosine, 0), averaged. ``torchmetrics``: 100 times the mean cosine, but at least 0."""

    def statistic(self, *sets: Evidence) -> Mean:
        """As a function of the clips' counts."""
        (generated,) = sets
        cosine_nt = frame_text_cosines(generated.outputs[self.output], generated.outputs["texts_nd"])
        if self.convention == "hessel":
            return Mean(2.5 * np.clip(cosine_nt, 0, None).mean(axis=1))
        return Mean(100 * cosine_nt.mean(axis=1), least=0.0)
