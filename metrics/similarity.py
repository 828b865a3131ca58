"""Cosines between embeddings of frames, and between frames and captions: what CLIPSIM and its kin average.

Embeddings are read in blocks of clips, so that memory grows by a number a clip or frame alone.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from vidgauge.errors import UsageError, near_misses
from vidgauge.metrics.arrays import Array, CheckedRows
from vidgauge.metrics.statistic import Rows

Average = Literal["cosines", "embeddings"]
"""What is averaged over a clip's frames: their cosines with the caption, or first their embeddings."""

FramePairs = Literal["consecutive", "all", "first-and-previous", "first"]
"""Which frames of a clip are compared with which; see `frame_similarity`."""


def text_similarity(frames_ntd: ArrayLike | Rows, texts_nd: ArrayLike | Rows, average: Average = "cosines") -> Array:
    """How well the frames of each clip fit its caption.

    Args:
        frames_ntd: (N, T, D) frame embeddings of any length but 0; arrays, or what comes block by block from a disk.
        texts_nd: (N, D) caption embeddings.
        average: ``cosines``: each frame's cosine with the caption, averaged (GODIVA, arXiv 2104.14806; EvalCrafter).
            ``embeddings``: the cosine of the caption with the mean of the frames' unit embeddings (VGen); never
            smaller in size than the other.

    Returns:
        (N,) similarities in [-1, 1], float64.

    Raises:
        UsageError: for wrong shapes, NaN or infinity, embeddings of length 0, or an unknown average.
    """
    if average == "cosines":
        return np.asarray(frame_text_cosines(frames_ntd, texts_nd).mean(axis=1))
    if average == "embeddings":
        return _text_cosines(frames_ntd, texts_nd, pooled=True)[:, 0]
    raise UsageError(f"no average {average!r}; {near_misses(str(average), list(get_args(Average)))}")


def frame_text_cosines(frames_ntd: ArrayLike | Rows, texts_nd: ArrayLike | Rows) -> Array:
    """Cosine of each frame with its clip's caption, (N, T); arguments and errors as `text_similarity`."""
    return _text_cosines(frames_ntd, texts_nd, pooled=False)


def _text_cosines(frames_ntd: ArrayLike | Rows, texts_nd: ArrayLike | Rows, *, pooled: bool) -> Array:
    """Of each frame (N, T), or of the mean of a clip's unit embeddings (N, 1)."""
    all_frames, all_texts = _frames(frames_ntd, 1), CheckedRows(texts_nd, "caption embeddings", 2)
    n, n_frames, dimension = all_frames.shape
    if (n, dimension) != all_texts.shape:
        raise UsageError(
            f"frame embeddings {all_frames.shape} need one caption embedding a clip; there are {all_texts.shape}"
        )
    cosines = np.empty((n, 1 if pooled else n_frames))
    for part, block in all_frames.blocks():
        frames, texts = unit(block, "frame embeddings"), unit(all_texts[part], "caption embeddings")
        if pooled:
            frames = unit(frames.mean(axis=1, keepdims=True), "frame embeddings")
        cosines[part] = np.einsum("ntd,nd->nt", frames, texts)
    return cosines


def frame_similarity(frames_ntd: ArrayLike | Rows, pairs: FramePairs = "consecutive") -> Array:
    """Mean cosine between frames of each clip.

    Args:
        frames_ntd: (N, T, D) frame embeddings of any length but 0; T is at least 2. They may lie on a disk.
        pairs: ``consecutive``: each frame and the next (EvalCrafter's CLIP-Temp, VGen). ``all``: every two frames
            (Tune-A-Video, the LOVEU-TGVE challenge). ``first-and-previous``: each frame with the first and with the one
            before it, negative cosines taken as 0 (VBench's subject and background consistency, arXiv 2311.17982).
            ``first``: each frame with the first (FreeInit, arXiv 2312.07537).

    Returns:
        (N,) similarities in [-1, 1], float64.

    Raises:
        UsageError: for wrong shapes, NaN or infinity, embeddings of length 0, single frames, or unknown pairs.
    """
    if pairs not in get_args(FramePairs):
        raise UsageError(f"no pairs {pairs!r}; {near_misses(str(pairs), list(get_args(FramePairs)))}")
    all_frames = _frames(frames_ntd, 2)
    similarities = np.empty(len(all_frames))
    for part, block in all_frames.blocks():
        similarities[part] = _mean_of_pairs(unit(block, "frame embeddings"), pairs)
    return similarities


def _mean_of_pairs(frames: Array, pairs: FramePairs) -> Array:
    if pairs == "all":
        n_frames = frames.shape[1]
        # |sum of unit vectors|^2 holds every ordered pair, and T ones of frames with themselves.
        total = np.sum(frames.sum(axis=1) ** 2, axis=1)
        return np.asarray((total - n_frames) / (n_frames * (n_frames - 1)))
    previous, first = (np.sum(frames[:, 1:] * other, axis=2) for other in (frames[:, :-1], frames[:, :1]))
    cosines = {"consecutive": previous, "first": first, "first-and-previous": _halves(previous, first)}
    return np.asarray(cosines[pairs].mean(axis=1))


def unit(vectors: Array, what: str) -> Array:
    """The vectors along the last axis, at length 1."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if not lengths.all():
        raise UsageError(f"{what} of length 0 have no direction to compare; check what made them")
    return np.asarray(vectors / lengths)


def _frames(frames_ntd: ArrayLike | Rows, fewest: int) -> CheckedRows:
    frames = CheckedRows(frames_ntd, "frame embeddings", 3)
    if frames.shape[1] < fewest:
        raise UsageError(f"clips of at least {fewest} frames are needed; they have {frames.shape[1]}")
    return frames


def _halves(previous: Array, first: Array) -> Array:
    return np.asarray((np.clip(previous, 0, None) + np.clip(first, 0, None)) / 2)
