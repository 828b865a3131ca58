"""The kernel distance against the double sum it abbreviates, scikit-learn's kernel, torchmetrics and torch-fidelity."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import polynomial_kernel
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric
from torchmetrics.image.kid import poly_mmd

from vidgauge.errors import UsageError
from vidgauge.metrics import kernel
from vidgauge.metrics.kernel import KernelDistance, kernel_distance, kernel_distances_of_subsets


def features(seed: int, n: int, dimension: int = 10, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, size=(n, dimension))


def brute_force(a: np.ndarray, b: np.ndarray, itself: bool = False) -> float:
    def value(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / len(x) + 1) ** 3)

    within = [
        np.mean([value(x, y) for i, x in enumerate(points) for j, y in enumerate(points) if i != j or itself])
        for points in (a, b)
    ]
    return float(sum(within) - 2 * np.mean([value(x, y) for x in a for y in b]))


def test_equals_the_double_sum() -> None:
    a, b = features(0, 7), features(1, 9, shift=0.4)
    assert kernel_distance(a, b) == pytest.approx(brute_force(a, b), rel=1e-12)
    assert kernel_distance(a, b, estimator="biased") == pytest.approx(brute_force(a, b, itself=True), rel=1e-12)


def test_equals_torchmetrics_and_scikit_learn() -> None:
    a, b = features(2, 40), features(3, 40, shift=0.3)
    kernels = [polynomial_kernel(x, y, degree=3, coef0=1) for x, y in ((a, a), (a, b), (b, b))]
    expected = poly_mmd(torch.from_numpy(a), torch.from_numpy(b))  # torchmetrics, with scikit-learn's default gamma 1/D
    assert kernel_distance(a, b) == pytest.approx(float(expected), rel=1e-9)
    off = [matrix - np.diag(np.diag(matrix)) for matrix in (kernels[0], kernels[2])]
    by_sklearn = sum(matrix.sum() / (40 * 39) for matrix in off) - 2 * kernels[1].mean()
    assert kernel_distance(a, b) == pytest.approx(by_sklearn, rel=1e-9)


@pytest.mark.parametrize(("degree", "gamma", "coef0"), [(1, None, 0.0), (2, None, 0.0), (3, 0.5, 2.0), (4, 0.1, -1.0)])
def test_other_kernels_equal_scikit_learns(degree: int, gamma: float | None, coef0: float) -> None:
    """Degree 2 without a constant, biased, is JEDi's, before its factor 100."""
    a, b = features(2, 30), features(3, 25, shift=0.3)
    aa, ab, bb = (polynomial_kernel(x, y, degree=degree, gamma=gamma, coef0=coef0) for x, y in ((a, a), (a, b), (b, b)))
    got = kernel_distance(a, b, degree=degree, gamma=gamma, coef0=coef0, estimator="biased")
    assert got == pytest.approx(aa.mean() + bb.mean() - 2 * ab.mean(), rel=1e-9)


def test_biased_distance_grows_as_samples_fall_and_the_unbiased_does_not() -> None:
    """The floor between equal distributions that JEDi's estimate has: E k(x, x) - E k(x, y) over N from each set."""
    dimension = 64
    for n in (20, 80):
        floors = [
            kernel_distance(
                features(2 * seed, n, dimension),
                features(2 * seed + 1, n, dimension),
                degree=2,
                coef0=0,
                estimator="biased",
            )
            for seed in range(40)
        ]
        # For standard Gaussians E k(x, x) = 1 + 2/D, and E k(x, y) = 1/D.
        assert np.mean(floors) == pytest.approx(2 / n * (1 + 1 / dimension), rel=0.05)


def test_is_unbiased_where_the_distributions_are_equal() -> None:
    values = [kernel_distance(features(2 * seed, 20, 4), features(2 * seed + 1, 20, 4)) for seed in range(300)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))
    assert min(values) < 0 < max(values)


def test_linear_kernel_sees_means_alone() -> None:
    a, b = features(4, 12), features(5, 15, shift=0.5)
    # With degree 1 the expectation is |E a - E b|^2 / D, and the estimate has a closed form in means and variances.
    bias = sum(np.cov(x, rowvar=False).trace() / len(x) for x in (a, b))
    expected = (np.sum((a.mean(0) - b.mean(0)) ** 2) - bias) / 10
    assert kernel_distance(a, b, degree=1) == pytest.approx(expected, rel=1e-10)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 20), m=st.integers(2, 20))
def test_symmetric_and_indifferent_to_order_rotation_and_pooling(seed: int, n: int, m: int) -> None:
    a, b = features(seed, n), features(seed + 1, m, shift=0.5)
    distance = kernel_distance(a, b)
    assert kernel_distance(b, a) == pytest.approx(distance, rel=1e-9, abs=1e-12)
    assert kernel_distance(a[::-1], b) == pytest.approx(distance, rel=1e-9, abs=1e-12)
    rotation = np.linalg.qr(features(7, 10))[0]
    assert kernel_distance(a @ rotation, b @ rotation) == pytest.approx(distance, rel=1e-9, abs=1e-12)
    assert KernelDistance(a, b)() == pytest.approx(distance, rel=1e-9, abs=1e-12)
    assert kernel_distance(a, a, estimator="biased") == pytest.approx(0, abs=1e-12)
    assert kernel_distance(a, a) < 1e-12  # pairs of a sample with itself are missing on one side only


def test_counts_draw_pairs_as_repetition_does() -> None:
    a, b = features(6, 8), features(7, 6)
    counts_a, counts_b = np.array([0, 1, 2, 0, 3, 1, 1, 0]), np.array([2, 0, 1, 1, 0, 2])
    for estimator in ("unbiased", "biased"):
        repeated = kernel_distance(np.repeat(a, counts_a, axis=0), np.repeat(b, counts_b, axis=0), estimator=estimator)
        distance = KernelDistance(a, b, estimator=estimator)
        assert distance(counts_a, counts_b) == pytest.approx(repeated, rel=1e-10)


@pytest.mark.parametrize("tile", [1, 3, 5, 64])
def test_groups_and_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch, tile: int) -> None:
    monkeypatch.setattr(kernel, "_TILE", tile)
    a, b = features(8, 11), features(9, 14, shift=0.2)
    groups_a, groups_b = np.array(list("zaabbabzzcc")), np.arange(14) // 4
    grouped = KernelDistance(a, b, groups_a, groups_b)
    assert grouped() == pytest.approx(brute_force(a, b), rel=1e-10)
    counts_a = np.array([{"z": 2, "a": 0, "b": 1, "c": 3}[name] for name in groups_a])
    counts_b = np.array([1, 2, 0, 1])[groups_b]
    repeated = brute_force(np.repeat(a, counts_a, axis=0), np.repeat(b, counts_b, axis=0))
    assert grouped(counts_a, counts_b) == pytest.approx(repeated, rel=1e-10)
    assert KernelDistance(a, b)(counts_a, counts_b) == pytest.approx(repeated, rel=1e-10)


def test_what_is_counted_can_be_asked_in_several_threads() -> None:
    a, b = features(16, 700), features(17, 600)
    counts = [(np.full(700, float(number)), np.ones(600)) for number in range(1, 9)]
    alone, shared = KernelDistance(a, b), KernelDistance(a, b)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda both: shared(*both), counts))
    assert found == [alone(*both) for both in counts]


def test_memory_does_not_grow_with_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_TILE", 256)
    a, b = features(10, 3000, 2), features(11, 2500, 2)
    tracemalloc.start()
    kernel_distance(a, b)
    KernelDistance(a, b).influences()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * 2**20  # one kernel matrix of all pairs would take 69 MiB


# Subsets


def test_subsets_are_those_of_torch_fidelity() -> None:
    a, b = features(12, 90), features(13, 70, shift=0.3)
    expected = kid_features_to_metric(
        torch.from_numpy(a), torch.from_numpy(b), kid_subsets=6, kid_subset_size=50, rng_seed=2020, verbose=False
    )
    got = kernel_distances_of_subsets(a, b, subsets=6, size=50)
    assert got.mean() == pytest.approx(expected[KEY_METRIC_KID_MEAN], rel=1e-9)
    assert got.std() == pytest.approx(expected[KEY_METRIC_KID_STD], rel=1e-9)


def test_subsets_of_everything_are_everything() -> None:
    a, b = features(14, 30), features(15, 30, shift=0.3)
    assert kernel_distances_of_subsets(a, b, subsets=2, size=30) == pytest.approx(kernel_distance(a, b), rel=1e-10)
    assert kernel_distances_of_subsets(a, b, subsets=400, size=15).mean() == pytest.approx(
        kernel_distance(a, b), rel=0.1
    )


def test_subsets_that_cannot_be_are_refused() -> None:
    with pytest.raises(UsageError, match="subsets of 31"):
        kernel_distances_of_subsets(features(0, 40), features(1, 30), size=31)
    with pytest.raises(UsageError, match="at least one subset"):
        kernel_distances_of_subsets(features(0, 40), features(1, 30), size=30, subsets=0)


# What is given


def test_inputs_are_not_changed() -> None:
    a, b = features(0, 7), features(1, 9)
    before = a.copy(), b.copy()
    assert kernel_distance(a, b) == kernel_distance(a, b)
    assert (a == before[0]).all()
    assert (b == before[1]).all()


def test_bad_features_are_refused() -> None:
    with pytest.raises(UsageError, match="2 samples"):
        kernel_distance(np.zeros((1, 3)), np.zeros((5, 3)))
    with pytest.raises(UsageError, match="3 and 4"):
        kernel_distance(np.zeros((5, 3)), np.zeros((5, 4)))
    with pytest.raises(UsageError, match="NaN"):
        kernel_distance(np.full((5, 3), np.nan), np.zeros((5, 3)))
    with pytest.raises(UsageError, match="degree must be at least 1"):
        kernel_distance(np.zeros((5, 3)), np.zeros((5, 3)), degree=0)
    with pytest.raises(UsageError, match="did you mean 'unbiased'"):
        kernel_distance(np.zeros((5, 3)), np.zeros((5, 3)), estimator="unbaised")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="one group for each of 5"):
        KernelDistance(np.zeros((5, 3)), np.zeros((5, 3)), ["a"] * 4)
    with pytest.raises(UsageError, match="must count alike"):
        KernelDistance(np.zeros((3, 3)), np.zeros((5, 3)), ["a", "a", "b"])([1, 2, 1], np.ones(5))
    with pytest.raises(UsageError, match="fewer are counted"):
        KernelDistance(np.zeros((3, 3)), np.zeros((5, 3)))([1, 0, 0], np.ones(5))
