"""The kernel distance against the double sum it abbreviates, scikit-learn's kernel and torchmetrics."""

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import polynomial_kernel
from torchmetrics.image.kid import poly_mmd

from vidgauge.metrics.kernel import KernelDistance, kernel_distance


def features(seed: int, n: int, dimension: int = 10, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, size=(n, dimension))


def brute_force(a: np.ndarray, b: np.ndarray) -> float:
    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / len(x) + 1) ** 3)

    within = [
        np.mean([kernel(x, y) for i, x in enumerate(points) for j, y in enumerate(points) if i != j])
        for points in (a, b)
    ]
    return float(sum(within) - 2 * np.mean([kernel(x, y) for x in a for y in b]))


def test_equals_the_double_sum() -> None:
    a, b = features(0, 7), features(1, 9, shift=0.4)
    assert kernel_distance(a, b) == pytest.approx(brute_force(a, b), rel=1e-12)


def test_equals_torchmetrics_and_scikit_learn() -> None:
    a, b = features(2, 40), features(3, 40, shift=0.3)
    kernels = [polynomial_kernel(x, y, degree=3, coef0=1) for x, y in ((a, a), (a, b), (b, b))]
    expected = poly_mmd(torch.from_numpy(a), torch.from_numpy(b))  # torchmetrics, with scikit-learn's default gamma 1/D
    assert kernel_distance(a, b) == pytest.approx(float(expected), rel=1e-9)
    off = [kernel - np.diag(np.diag(kernel)) for kernel in (kernels[0], kernels[2])]
    by_sklearn = sum(kernel.sum() / (40 * 39) for kernel in off) - 2 * kernels[1].mean()
    assert kernel_distance(a, b) == pytest.approx(by_sklearn, rel=1e-9)


def test_is_unbiased_where_the_distributions_are_equal() -> None:
    values = [kernel_distance(features(2 * seed, 20, 4), features(2 * seed + 1, 20, 4)) for seed in range(300)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))
    assert min(values) < 0 < max(values)


def test_symmetric_and_indifferent_to_order_and_linear_kernel_sees_means_alone() -> None:
    a, b = features(4, 12), features(5, 15, shift=0.5)
    assert kernel_distance(b, a) == pytest.approx(kernel_distance(a, b), rel=1e-12)
    assert kernel_distance(a[::-1], b) == pytest.approx(kernel_distance(a, b), rel=1e-12)
    # With degree 1 the expectation is |E a - E b|^2 / D, and the estimate has a closed form in means and variances.
    bias = sum(np.cov(x, rowvar=False).trace() / len(x) for x in (a, b))
    expected = (np.sum((a.mean(0) - b.mean(0)) ** 2) - bias) / 10
    assert kernel_distance(a, b, degree=1) == pytest.approx(expected, rel=1e-10)


def test_counts_draw_pairs_as_repetition_does() -> None:
    a, b = features(6, 8), features(7, 6)
    counts_a, counts_b = np.array([0, 1, 2, 0, 3, 1, 1, 0]), np.array([2, 0, 1, 1, 0, 2])
    repeated = kernel_distance(np.repeat(a, counts_a, axis=0), np.repeat(b, counts_b, axis=0))
    assert KernelDistance(a, b)(counts_a, counts_b) == pytest.approx(repeated, rel=1e-10)


def test_bad_features_are_refused() -> None:
    with pytest.raises(ValueError, match="2 samples"):
        kernel_distance(np.zeros((1, 3)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match="3 and 4"):
        kernel_distance(np.zeros((5, 3)), np.zeros((5, 4)))
    with pytest.raises(ValueError, match="NaN"):
        kernel_distance(np.full((5, 3), np.nan), np.zeros((5, 3)))
