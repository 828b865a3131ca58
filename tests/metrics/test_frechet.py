"""The Fréchet distance against closed forms, SciPy's square root, torchmetrics and itself along another road."""

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.image.fid import _compute_fid

from vidgauge.metrics.frechet import frechet_distance, frechet_distance_of_features


def gaussian(seed: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    root = generator.normal(size=(dimension, dimension + 3))
    return generator.normal(size=dimension), root @ root.T / dimension


def moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return features.mean(axis=0), np.cov(features, rowvar=False)


def test_diagonal_gaussians_have_a_closed_form() -> None:
    generator = np.random.default_rng(0)
    means, deviations = generator.normal(size=(2, 7)), generator.uniform(0.1, 3, size=(2, 7))
    expected = np.sum((means[0] - means[1]) ** 2) + np.sum((deviations[0] - deviations[1]) ** 2)
    got = frechet_distance(means[0], np.diag(deviations[0] ** 2), means[1], np.diag(deviations[1] ** 2))
    assert got == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dimension", [1, 5, 64])
def test_full_covariances_agree_with_scipy_and_torchmetrics(dimension: int) -> None:
    a, b = gaussian(1, dimension), gaussian(2, dimension)
    root = np.atleast_2d(scipy.linalg.sqrtm(a[1] @ b[1])).real
    expected = np.sum((a[0] - b[0]) ** 2) + np.trace(a[1] + b[1] - 2 * root)
    assert frechet_distance(*a, *b) == pytest.approx(expected, rel=1e-9)
    tensors = [torch.from_numpy(array) for array in (*a, *b)]
    assert frechet_distance(*a, *b) == pytest.approx(float(_compute_fid(*tensors)), rel=1e-9)


@pytest.mark.parametrize(("n", "m"), [(300, 200), (30, 300), (300, 30), (64, 65)])
def test_features_agree_with_their_moments(n: int, m: int) -> None:
    generator = np.random.default_rng(n + m)
    a, b = generator.normal(size=(n, 64)), generator.normal(0.2, 1.3, size=(m, 64))
    assert frechet_distance_of_features(a, b) == pytest.approx(frechet_distance(*moments(a), *moments(b)), rel=1e-6)


def test_fewer_samples_than_dimensions_stays_finite_and_exact() -> None:
    """Where sqrtm of the product is known to return garbage: checked in the subspace that holds all samples."""
    generator = np.random.default_rng(3)
    a, b = generator.normal(size=(9, 400)), generator.normal(0.1, 1.1, size=(7, 400))
    basis = scipy.linalg.orth(np.vstack([a, b]).T)  # (400, 16): an isometry on every sample
    assert frechet_distance_of_features(a, b) == pytest.approx(
        frechet_distance_of_features(a @ basis, b @ basis), rel=1e-10
    )
    assert frechet_distance_of_features(a, b) == pytest.approx(frechet_distance(*moments(a), *moments(b)), rel=1e-5)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 40), scale=st.floats(0.1, 10))
def test_identity_symmetry_scaling_and_order(seed: int, n: int, scale: float) -> None:
    generator = np.random.default_rng(seed)
    a, b = generator.normal(size=(n, 12)), generator.normal(0.5, 2, size=(n + 5, 12))
    distance = frechet_distance_of_features(a, b)
    assert frechet_distance_of_features(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance_of_features(b, a) == pytest.approx(distance, rel=1e-9)
    assert frechet_distance_of_features(a * scale, b * scale) == pytest.approx(distance * scale**2, rel=1e-9)
    assert frechet_distance_of_features(generator.permutation(a), b) == pytest.approx(distance, rel=1e-9)
    shifted = frechet_distance_of_features(a, a + 0.25)
    assert shifted == pytest.approx(12 * 0.25**2, rel=1e-6)  # a shift by c on all D axes adds D c^2


def test_counts_equal_repetition_and_ddof_is_the_divisor() -> None:
    generator = np.random.default_rng(4)
    a, b = generator.normal(size=(20, 6)), generator.normal(size=(25, 6))
    counts_a, counts_b = generator.integers(0, 4, 20), generator.integers(0, 4, 25)
    repeated = frechet_distance_of_features(np.repeat(a, counts_a, axis=0), np.repeat(b, counts_b, axis=0), ddof=0)
    assert frechet_distance_of_features(a, b, counts_a, counts_b, ddof=0) == pytest.approx(repeated, rel=1e-10)
    biased = [np.cov(x, rowvar=False, bias=True) for x in (a, b)]
    by_moments = frechet_distance(a.mean(0), biased[0], b.mean(0), biased[1])
    assert frechet_distance_of_features(a, b, ddof=0) == pytest.approx(by_moments, rel=1e-9)


def test_inputs_are_not_changed() -> None:
    """The covariance in several ports subtracts the mean in place, so that a second call gives another number."""
    a, b = (np.random.default_rng(seed).normal(size=(30, 5)) for seed in (5, 6))
    before = a.copy(), b.copy()
    assert frechet_distance_of_features(a, b) == frechet_distance_of_features(a, b)
    assert (a == before[0]).all()
    assert (b == before[1]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros(3), np.eye(3), np.zeros(2), np.eye(2)), "of one D"),
        ((np.zeros(3), np.eye(3), np.full(3, np.nan), np.eye(3)), "NaN"),
        ((np.zeros(2), np.array([[1.0, 0.5], [0.0, 1.0]]), np.zeros(2), np.eye(2)), "symmetric"),
        ((np.zeros((2, 2)), np.eye(2), np.zeros(2), np.eye(2)), "axes"),
    ],
)
def test_bad_moments_are_refused(arguments: tuple[np.ndarray, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        frechet_distance(*arguments)


def test_bad_features_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 samples"):
        frechet_distance_of_features(np.zeros((1, 3)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match="3 and 4 dimensions"):
        frechet_distance_of_features(np.zeros((5, 3)), np.zeros((5, 4)))
