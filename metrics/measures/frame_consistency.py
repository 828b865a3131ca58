"""Frame consistency: how alike neighbouring frames are."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from vidgauge.errors import UsageError
from vidgauge.metrics.arrays import Array, checked
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.measures import MEASURES, VideoMeasure
from vidgauge.metrics.measures.clipsim import unit
from vidgauge.record import Measure


def consecutive_similarity(frames_ntd: ArrayLike) -> Array:
    """Cosine of each frame with the next, averaged over each clip.

    Args:
        frames_ntd: (N, T, D) frame embeddings of any length; T is at least 2.

    Returns:
        (N,) similarities in [-1, 1], float64.
    """
    frames = unit(checked(frames_ntd, "frame embeddings", 3))
    if frames.shape[1] < 2:
        raise UsageError(f"frame consistency needs clips of at least 2 frames; they have {frames.shape[1]}")
    return np.asarray((frames[:, 1:] * frames[:, :-1]).sum(axis=-1).mean(axis=1))


@MEASURES.register("frame-consistency")
class FrameConsistency(VideoMeasure):
    """Mean cosine between the CLIP embeddings of consecutive frames (as EvalCrafter's CLIP-Temp defines it).

    A frozen video scores 1: read it beside a measure that sees motion.
    """

    measure = Measure(name="frame-consistency", unit="1", better="higher")
    summary = "Mean cosine between consecutive frames in a CLIP model; a frozen video scores 1"
    output = "frames_ntd"

    def statistic(self, *sets: Evidence) -> Callable[..., float]:
        """As a function of the clips' counts."""
        (generated,) = sets
        similarity_n = consecutive_similarity(generated.outputs[self.output])
        return lambda counts=None: float(np.average(similarity_n, weights=counts))
