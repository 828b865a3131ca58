"""The Inception Score against its closed forms, definitions as published code has them, and torch-fidelity."""

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric
from torchmetrics.image.inception import InceptionScore

from vidgauge.errors import UsageError
from vidgauge.metrics.inception import CONVENTIONS, InceptionConvention, inception_score, inception_scores


def softmax_logits(seed: int, n: int, k: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, k)) * 3


def probabilities(seed: int, n: int, k: int) -> np.ndarray:
    return np.asarray(torch.from_numpy(softmax_logits(seed, n, k)).softmax(dim=1).numpy())


def definition(part_nk: np.ndarray) -> float:
    """exp of the mean Kullback-Leibler divergence, sample by sample."""
    marginal = part_nk.mean(axis=0)
    return float(
        np.exp(np.mean([sum(p * np.log(p / m) for p, m in zip(row, marginal, strict=True)) for row in part_nk]))
    )


def test_closed_forms() -> None:
    assert inception_score(np.tile(np.eye(7), (3, 1))) == pytest.approx(7, rel=1e-12)  # sure, and even over 7 classes
    assert inception_score(np.full((5, 4), 0.25)) == pytest.approx(1, rel=1e-12)  # unsure
    assert inception_score(np.tile(np.eye(4)[:1], (6, 1))) == pytest.approx(1, rel=1e-12)  # sure of one class only
    assert inception_score(np.eye(7)[:3]) == pytest.approx(3, rel=1e-12)  # no more than there are samples


def test_equals_its_definition() -> None:
    rows = probabilities(0, 9, 5)
    assert inception_score(rows) == pytest.approx(definition(rows), rel=1e-12)


@pytest.mark.parametrize(("n", "splits"), [(200, 1), (200, 4), (200, 10), (205, 10), (2048, 10), (13, 13)])
def test_equals_torch_fidelity(n: int, splits: int) -> None:
    """Also where parts are not of one size: published code rounds their edges down."""
    logits = torch.from_numpy(softmax_logits(0, n, 11))
    expected = isc_features_to_metric(logits, splits, False)[KEY_METRIC_ISC_MEAN]
    assert inception_score(logits.softmax(dim=1), splits=splits) == pytest.approx(expected, rel=1e-9)


def test_equals_torchmetrics(recwarn: pytest.WarningsRecorder) -> None:
    """With one part its shuffling does not matter."""
    logits = torch.from_numpy(softmax_logits(3, 60, 11))
    metric = InceptionScore(feature=torch.nn.Flatten(), splits=1)
    metric.features = [logits]
    mean, _ = metric.compute()
    assert inception_score(logits.softmax(dim=1)) == pytest.approx(float(mean), rel=1e-6)
    recwarn.clear()  # it warns of its memory, and of updates that it has not seen


def test_counts_equal_repetition() -> None:
    rows = probabilities(1, 12, 5)
    counts = np.random.default_rng(2).integers(0, 3, 12)
    repeated = inception_score(np.repeat(rows, counts, axis=0))
    assert inception_score(rows, weights=counts) == pytest.approx(repeated, rel=1e-12)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 30), k=st.integers(1, 12))
def test_bounds_and_order(seed: int, n: int, k: int) -> None:
    rows = probabilities(seed, n, k)
    score = inception_score(rows)
    assert 1 - 1e-9 <= score <= min(n, k) + 1e-9
    assert inception_score(rows[::-1], splits=1) == pytest.approx(score, rel=1e-9)
    assert inception_score(rows[:, ::-1]) == pytest.approx(score, rel=1e-9)
    assert inception_score(np.vstack([rows, rows])) == pytest.approx(score, rel=1e-9)


# Conventions


def test_every_convention_says_who_uses_it() -> None:
    assert set(CONVENTIONS) == set(get_args(InceptionConvention))
    assert all(convention.used_by for convention in CONVENTIONS.values())


def test_one_part_with_nothing_added_is_the_plain_score() -> None:
    rows = probabilities(4, 31, 6)
    assert inception_scores(rows, "whole").tolist() == [inception_score(rows)]


def test_tgan_adds_inside_both_logarithms() -> None:
    rows = probabilities(5, 50, 6)
    inner = rows * np.log(rows + 1e-7) - rows * np.log(rows.mean(axis=0) + 1e-7)
    assert inception_scores(rows, "tgan") == pytest.approx([np.exp(inner.sum() / 50)], rel=1e-12)
    # Sure and even over K classes, where that can be seen: (1 + e) / (1/K + e) instead of K.
    sure = inception_scores(np.eye(1000), "tgan")
    assert sure == pytest.approx([(1 + 1e-7) / (1e-3 + 1e-7)], rel=1e-12)
    assert sure[0] < inception_score(np.eye(1000)) - 0.05


def test_tganv2_scores_ten_loops_apart() -> None:
    rows = probabilities(6, 70, 6)
    rows[3] = np.eye(6)[0]  # a zero that would be log 0 without its 1e-20
    expected = []
    for loop in np.split(rows, 10):
        part = loop + 1e-20
        inner = part * (np.log(part) - np.log(part.mean(axis=0)))
        expected.append(np.exp(inner.sum(axis=1).mean()))
    assert inception_scores(rows, "tganv2") == pytest.approx(expected, rel=1e-12)


def test_stylegan_v_shuffles_then_splits() -> None:
    rows = probabilities(7, 2048, 5)
    shuffled = rows.copy()
    np.random.RandomState(42).shuffle(shuffled)
    expected = [definition(shuffled[i * 2048 // 10 : (i + 1) * 2048 // 10]) for i in range(10)]
    got = inception_scores(rows, "stylegan-v")
    assert got == pytest.approx(expected, rel=1e-10)
    # Smaller parts look less varied: the bias that makes this lower than the score of all.
    assert got.mean() < inception_score(rows)


def test_magvit_repeats_four_times() -> None:
    rows = probabilities(8, 40, 5)
    expected = [definition(part) for part in np.split(rows, 4)]
    assert inception_scores(rows, "magvit") == pytest.approx(expected, rel=1e-12)


def test_torch_fidelity_shuffles_with_its_seed() -> None:
    logits = torch.from_numpy(softmax_logits(9, 123, 11))
    expected = isc_features_to_metric(logits, 10, True)
    got = inception_scores(logits.softmax(dim=1), "torch-fidelity")
    assert got.mean() == pytest.approx(expected[KEY_METRIC_ISC_MEAN], rel=1e-9)
    assert got.std() == pytest.approx(expected[KEY_METRIC_ISC_STD], rel=1e-9)


def test_parts_in_which_nothing_counts_are_left_out() -> None:
    rows = probabilities(10, 20, 4)
    counts = np.r_[np.ones(10), np.zeros(10)]
    assert inception_score(rows, 2, counts) == pytest.approx(inception_score(rows[:10]), rel=1e-12)


# What is given


def test_inputs_are_not_changed() -> None:
    rows = probabilities(11, 40, 4)
    before = rows.copy()
    for convention in CONVENTIONS:
        assert (inception_scores(rows, convention) == inception_scores(rows, convention)).all()
    assert (rows == before).all()


@pytest.mark.parametrize(
    ("rows", "splits", "message"),
    [
        (np.eye(3) * 2, 1, "probabilities"),
        (np.array([[1.5, -0.5]]), 1, "probabilities"),
        (np.array([[np.nan, 1.0]]), 1, "NaN"),
        (np.eye(3), 4, "splits"),
        (np.zeros((0, 3)), 1, "splits"),
        (np.zeros((3, 0)), 1, "probabilities"),
    ],
)
def test_bad_input_is_refused(rows: np.ndarray, splits: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        inception_score(rows, splits=splits)


def test_unknown_conventions_and_bad_counts_are_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'tgan'"):
        inception_scores(np.eye(3), "tgann")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="counts"):
        inception_score(np.eye(3), 1, [1, 2])
