"""Cosines of frames with captions and with each other, against loops, torch and closed forms."""

from collections.abc import Callable
from itertools import combinations, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cosine_similarity

from vidgauge.errors import UsageError
from vidgauge.metrics import arrays
from vidgauge.metrics.similarity import FramePairs, frame_similarity, frame_text_cosines, text_similarity


def embeddings(seed: int, n: int = 5, t: int = 7, d: int = 4) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.normal(0.3, 1, size=(n, t, d)), generator.normal(0.3, 1, size=(n, d))


def cosine(x: np.ndarray, y: np.ndarray) -> float:
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def consecutive(frames: np.ndarray) -> list[float]:
    return [cosine(x, y) for x, y in pairwise(frames)]


def every_two(frames: np.ndarray) -> list[float]:
    return [cosine(x, y) for x, y in combinations(frames, 2)]


def first_and_previous(frames: np.ndarray) -> list[float]:
    """As VBench's loop has it."""
    values = []
    for i in range(1, len(frames)):
        before, first = max(0.0, cosine(frames[i - 1], frames[i])), max(0.0, cosine(frames[0], frames[i]))
        values.append((before + first) / 2)
    return values


def with_first(frames: np.ndarray) -> list[float]:
    return [cosine(frames[0], other) for other in frames[1:]]


DEFINITIONS: dict[FramePairs, Callable[[np.ndarray], list[float]]] = {
    "consecutive": consecutive,
    "all": every_two,
    "first-and-previous": first_and_previous,
    "first": with_first,
}


@pytest.mark.parametrize("pairs", DEFINITIONS)
def test_frame_consistency_equals_its_definition(pairs: FramePairs) -> None:
    frames, _ = embeddings(0)
    expected = [np.mean(DEFINITIONS[pairs](clip)) for clip in frames]
    assert frame_similarity(frames, pairs) == pytest.approx(expected, rel=1e-12)
    assert frame_similarity(frames[:, :2], pairs) == pytest.approx(
        [np.mean(DEFINITIONS[pairs](clip[:2])) for clip in frames], rel=1e-12
    )


def test_the_four_definitions_are_four_numbers() -> None:
    # A quarter turn in four steps: consecutive frames are 30 degrees apart, the first and the last 90.
    angles = np.radians([0, 30, 60, 90])
    clip = np.stack([np.cos(angles), np.sin(angles)], axis=1)[None]
    one, two = np.sqrt(3) / 2, 0.5
    assert frame_similarity(clip, "consecutive") == pytest.approx([one])
    assert frame_similarity(clip, "all") == pytest.approx([(3 * one + 2 * two + 0) / 6])
    assert frame_similarity(clip, "first") == pytest.approx([(one + two) / 3])
    assert frame_similarity(clip, "first-and-previous") == pytest.approx([(3 * one + one + two) / 6])


def test_only_vbench_takes_negative_cosines_as_zero() -> None:
    clip = np.array([[[1.0, 0.0], [-1.0, 0.0]]])
    assert [frame_similarity(clip, pairs)[0] for pairs in DEFINITIONS] == [-1, -1, 0, -1]


def test_text_similarity_equals_torch() -> None:
    frames, texts = embeddings(1)
    expected = cosine_similarity(torch.from_numpy(frames), torch.from_numpy(texts)[:, None], dim=2)
    assert frame_text_cosines(frames, texts) == pytest.approx(expected.numpy(), rel=1e-12)
    assert text_similarity(frames, texts) == pytest.approx(expected.mean(dim=1).numpy(), rel=1e-12)
    unit = torch.nn.functional.normalize(torch.from_numpy(frames), dim=2)
    pooled = cosine_similarity(unit.mean(dim=1), torch.from_numpy(texts), dim=1)
    assert text_similarity(frames, texts, "embeddings") == pytest.approx(pooled.numpy(), rel=1e-12)


def test_averaging_embeddings_forgives_frames_that_point_elsewhere() -> None:
    clip, text = np.array([[[1.0, 1.0], [1.0, -1.0]]]), np.array([[1.0, 0.0]])
    assert text_similarity(clip, text) == pytest.approx([np.sqrt(0.5)])
    assert text_similarity(clip, text, "embeddings") == pytest.approx([1])


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), t=st.integers(2, 9), scale=st.floats(1e-3, 1e3))
def test_bounds_scale_and_frozen_clips(seed: int, t: int, scale: float) -> None:
    frames, texts = embeddings(seed, t=t)
    for pairs in DEFINITIONS:
        value = frame_similarity(frames, pairs)
        assert (np.abs(value) <= 1 + 1e-12).all()
        assert frame_similarity(frames * scale, pairs) == pytest.approx(value, rel=1e-9, abs=1e-12)
        assert frame_similarity(np.repeat(frames[:, :1], t, axis=1), pairs) == pytest.approx(1, rel=1e-12)
    of_frames, of_means = (text_similarity(frames, texts, average) for average in ("cosines", "embeddings"))
    assert (np.abs(of_means) >= np.abs(of_frames) - 1e-12).all()
    assert text_similarity(frames * scale, texts / scale) == pytest.approx(of_frames, rel=1e-9, abs=1e-12)
    turned = frames[:, np.random.default_rng(seed).permutation(t)]
    assert text_similarity(turned, texts) == pytest.approx(of_frames, rel=1e-9, abs=1e-12)
    assert frame_similarity(turned, "all") == pytest.approx(frame_similarity(frames, "all"), rel=1e-9, abs=1e-12)


def test_clips_are_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    frames, texts = embeddings(4, n=11)
    whole = [text_similarity(frames, texts), text_similarity(frames, texts, "embeddings"), frame_similarity(frames)]
    monkeypatch.setattr(arrays, "_BLOCK", 3 * frames[0].nbytes)
    parts = [text_similarity(frames, texts), text_similarity(frames, texts, "embeddings"), frame_similarity(frames)]
    assert np.array(parts) == pytest.approx(np.array(whole), rel=1e-14)
    frames[9] = 0
    with pytest.raises(UsageError, match="frame embeddings of length 0"):
        frame_similarity(frames)


def test_single_frames_have_captions_but_no_consistency() -> None:
    frames, texts = embeddings(2, t=1)
    assert text_similarity(frames, texts) == pytest.approx(text_similarity(frames, texts, "embeddings"), rel=1e-12)
    for pairs in DEFINITIONS:
        with pytest.raises(UsageError, match="at least 2 frames"):
            frame_similarity(frames, pairs)


def test_bad_embeddings_are_refused() -> None:
    frames, texts = embeddings(3)
    with pytest.raises(UsageError, match="one caption embedding a clip"):
        text_similarity(frames, texts[:-1])
    with pytest.raises(UsageError, match="one caption embedding a clip"):
        text_similarity(frames, texts[:, :-1])
    with pytest.raises(UsageError, match="at least 1 frames"):
        text_similarity(frames[:, :0], texts)
    with pytest.raises(UsageError, match="caption embeddings of length 0"):
        text_similarity(frames, texts * 0)
    with pytest.raises(UsageError, match="frame embeddings of length 0"):
        frame_similarity(frames * 0)
    with pytest.raises(UsageError, match="frame embeddings of length 0"):
        text_similarity([[[1, 0], [-1, 0]]], [[1, 0]], "embeddings")
    with pytest.raises(UsageError, match="NaN"):
        frame_similarity(frames * np.nan)
    with pytest.raises(UsageError, match="did you mean 'cosines'"):
        text_similarity(frames, texts, "cosine")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="did you mean 'first'"):
        frame_similarity(frames, "frist")  # type: ignore[arg-type]
