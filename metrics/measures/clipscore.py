"""CLIPScore of videos, frame by frame."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from vidgauge.metrics.arrays import Array
from vidgauge.metrics.evidence import Evidence
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

    def statistic(self, *sets: Evidence) -> Callable[..., float]:
        """As a function of the clips' counts."""
        (generated,) = sets
        cosine_nt = frame_text_cosines(generated.outputs[self.output], generated.outputs["texts_nd"])
        clamped_n, mean_n = np.clip(cosine_nt, 0, None).mean(axis=1), cosine_nt.mean(axis=1)

        def score(counts: Array | None = None) -> float:
            if self.convention == "hessel":
                return 2.5 * float(np.average(clamped_n, weights=counts))
            return 100 * max(float(np.average(mean_n, weights=counts)), 0.0)

        return score
