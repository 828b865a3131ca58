"""CLIPSIM: how well frames fit their caption."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from vidgauge.metrics.arrays import Array, checked
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.measures import MEASURES, VideoMeasure
from vidgauge.record import Measure


def text_similarity(frames_ntd: ArrayLike, texts_nd: ArrayLike) -> Array:
    """Cosine of each frame with its clip's caption, averaged over the frames of each clip.

    Args:
        frames_ntd: (N, T, D) frame embeddings of any length.
        texts_nd: (N, D) caption embeddings.

    Returns:
        (N,) similarities in [-1, 1], float64.
    """
    frames = unit(checked(frames_ntd, "frame embeddings", 3))
    texts = unit(checked(texts_nd, "caption embeddings", 2))
    return np.asarray(np.einsum("ntd,nd->nt", frames, texts).mean(axis=1))


def unit(vectors: Array) -> Array:
    """The vectors along the last axis, at length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


@MEASURES.register("clipsim")
class CLIPSIM(VideoMeasure):
    """Mean cosine between caption and frames in a CLIP model, raw, frame by frame (GODIVA, arXiv 2104.14806)."""

    measure = Measure(name="clipsim", unit="1", better="higher")
    summary = "Mean cosine between each caption and the frames of its video in a CLIP model"
    output = "frames_ntd"
    needs_captions = True

    def statistic(self, *sets: Evidence) -> Callable[..., float]:
        """As a function of the clips' counts."""
        (generated,) = sets
        similarity_n = text_similarity(generated.outputs[self.output], generated.outputs["texts_nd"])
        return lambda counts=None: float(np.average(similarity_n, weights=counts))
