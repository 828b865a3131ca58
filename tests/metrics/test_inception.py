"""The Inception Score against its closed forms and torch-fidelity."""

import numpy as np
import pytest
import torch
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric

from vidgauge.metrics.inception import inception_score


def softmax_logits(seed: int, n: int, k: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, k)) * 3


def test_closed_forms() -> None:
    assert inception_score(np.tile(np.eye(7), (3, 1))) == pytest.approx(7, rel=1e-12)  # sure, and even over 7 classes
    assert inception_score(np.full((5, 4), 0.25)) == pytest.approx(1, rel=1e-12)  # unsure
    assert inception_score(np.tile(np.eye(4)[:1], (6, 1))) == pytest.approx(1, rel=1e-12)  # sure of one class only


@pytest.mark.parametrize("splits", [1, 4, 10])
def test_equals_torch_fidelity(splits: int) -> None:
    logits = torch.from_numpy(softmax_logits(0, 200, 11))
    expected = isc_features_to_metric(logits, splits, False)[KEY_METRIC_ISC_MEAN]
    assert inception_score(logits.softmax(dim=1), splits=splits) == pytest.approx(expected, rel=1e-6)


def test_counts_equal_repetition() -> None:
    probabilities = torch.from_numpy(softmax_logits(1, 12, 5)).softmax(dim=1).numpy()
    counts = np.random.default_rng(2).integers(0, 3, 12)
    repeated = inception_score(np.repeat(probabilities, counts, axis=0))
    assert inception_score(probabilities, weights=counts) == pytest.approx(repeated, rel=1e-12)


@pytest.mark.parametrize(
    ("probabilities", "splits", "message"),
    [
        (np.eye(3) * 2, 1, "probabilities"),
        (np.array([[1.5, -0.5]]), 1, "probabilities"),
        (np.array([[np.nan, 1.0]]), 1, "NaN"),
        (np.eye(3), 4, "splits"),
        (np.zeros((0, 3)), 1, "splits"),
    ],
)
def test_bad_input_is_refused(probabilities: np.ndarray, splits: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        inception_score(probabilities, splits=splits)
