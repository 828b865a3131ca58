"""Cosines between embeddings of frames, and between frames and captions: what CLIPSIM and its kin average."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from vidgauge.errors import UsageError, near_misses
from vidgauge.metrics.arrays import Array, checked

Average = Literal["cosines", "embeddings"]
"""What is averaged over a clip's frames: their cosines with the caption, or first their embeddings."""

FramePairs = Literal["consecutive", "all", "first-and-previous", "first"]
"""Which frames of a clip are compared with which; see `frame_similarity`."""


def text_similarity(frames_ntd: ArrayLike, texts_nd: ArrayLike, average: Average = "cosines") -> Array:
    """How well the frames of each clip fit its caption.

    Args:
        frames_ntd: (N, T, D) frame embeddings of any length but 0.
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
        means = _frames(frames_ntd, 1).mean(axis=1, keepdims=True)
        return frame_text_cosines(means, texts_nd)[:, 0]
    raise UsageError(f"no average {average!r}; {near_misses(str(average), list(get_args(Average)))}")


def frame_text_cosines(frames_ntd: ArrayLike, texts_nd: ArrayLike) -> Array:
    """Cosine of each frame with its clip's caption, (N, T); arguments and errors as `text_similarity`."""
    frames, texts = _frames(frames_ntd, 1), unit(checked(texts_nd, "caption embeddings", 2), "caption embeddings")
    if (len(frames), frames.shape[2]) != texts.shape:
        raise UsageError(f"frame embeddings {frames.shape} need one caption embedding a clip; there are {texts.shape}")
    return np.asarray(np.einsum("ntd,nd->nt", frames, texts))


def frame_similarity(frames_ntd: ArrayLike, pairs: FramePairs = "consecutive") -> Array:
    """Mean cosine between frames of each clip.

    Args:
        frames_ntd: (N, T, D) frame embeddings of any length but 0; T is at least 2.
        pairs: ``consecutive``: each frame and the next (EvalCrafter's CLIP-Temp, VGen). ``all``: every two frames
            (Tune-A-Video, the LOVEU-TGVE challenge). ``first-and-previous``: each frame with the first and with the one
            before it, negative cosines taken as 0 (VBench's subject and background consistency, arXiv 2311.17982).
            ``first``: each frame with the first (FreeInit, arXiv 2312.07537).

    Returns:
        (N,) similarities in [-1, 1], float64.

    Raises:
        UsageError: for wrong shapes, NaN or infinity, embeddings of length 0, single frames, or unknown pairs.
    """
    frames = _frames(frames_ntd, 2)
    n_frames = frames.shape[1]
    if pairs == "all":
        # |sum of unit vectors|^2 holds every ordered pair, and T ones of frames with themselves.
        total = np.sum(frames.sum(axis=1) ** 2, axis=1)
        return np.asarray((total - n_frames) / (n_frames * (n_frames - 1)))
    previous, first = (np.sum(frames[:, 1:] * other, axis=2) for other in (frames[:, :-1], frames[:, :1]))
    cosines = {"consecutive": previous, "first": first, "first-and-previous": _halves(previous, first)}
    if pairs not in cosines:
        raise UsageError(f"no pairs {pairs!r}; {near_misses(str(pairs), list(get_args(FramePairs)))}")
    return np.asarray(cosines[pairs].mean(axis=1))


def unit(vectors: Array, what: str) -> Array:
    """The vectors along the last axis, at length 1."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if not lengths.all():
        raise UsageError(f"{what} of length 0 have no direction to compare; check what made them")
    return np.asarray(vectors / lengths)


def _frames(frames_ntd: ArrayLike, fewest: int) -> Array:
    frames = checked(frames_ntd, "frame embeddings", 3)
    if frames.shape[1] < fewest:
        raise UsageError(f"clips of at least {fewest} frames are needed; they have {frames.shape[1]}")
    return unit(frames, "frame embeddings")


def _halves(previous: Array, first: Array) -> Array:
    return np.asarray((np.clip(previous, 0, None) + np.clip(first, 0, None)) / 2)
