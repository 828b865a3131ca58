"""The Fréchet distance against closed forms, other definitions of it, other libraries, and itself along other roads."""

from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torchmetrics.image.fid import _compute_fid

from vidgauge.errors import UsageError
from vidgauge.metrics import arrays, frechet
from vidgauge.metrics.frechet import (
    CONVENTIONS,
    FrechetConvention,
    FrechetDistance,
    frechet_distance,
    frechet_distance_of_features,
)


def gaussian(seed: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    root = generator.normal(size=(dimension, dimension + 3))
    return generator.normal(size=dimension), root @ root.T / dimension


def moments(features: np.ndarray, ddof: int = 1) -> tuple[np.ndarray, np.ndarray]:
    return features.mean(axis=0), np.cov(features, rowvar=False, ddof=ddof)


def two_sets(n: int, m: int, dimension: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """With a spectrum that decays, and different everywhere."""
    generator = np.random.default_rng(seed)
    scales = np.linspace(3, 0.05, dimension)
    return generator.normal(size=(n, dimension)) * scales, generator.normal(0.2, 1.3, size=(m, dimension)) * scales


# Moments: closed forms


def test_diagonal_gaussians_have_a_closed_form() -> None:
    generator = np.random.default_rng(0)
    means, deviations = generator.normal(size=(2, 7)), generator.uniform(0.1, 3, size=(2, 7))
    expected = np.sum((means[0] - means[1]) ** 2) + np.sum((deviations[0] - deviations[1]) ** 2)
    got = frechet_distance(means[0], np.diag(deviations[0] ** 2), means[1], np.diag(deviations[1] ** 2))
    assert got == pytest.approx(expected, rel=1e-12)


def test_equal_covariances_leave_the_means_alone() -> None:
    mean, covariance = gaussian(1, 30)
    assert frechet_distance(mean, covariance, mean + 0.25, covariance) == pytest.approx(30 * 0.25**2, rel=1e-10)
    assert frechet_distance(mean, covariance, mean, covariance) == pytest.approx(0, abs=1e-12 * np.trace(covariance))


def test_covariances_with_common_axes_have_a_closed_form() -> None:
    axes = np.linalg.qr(np.random.default_rng(2).normal(size=(20, 20)))[0]
    values = np.random.default_rng(3).uniform(0.01, 9, size=(2, 20))
    a, b = (axes * v @ axes.T for v in values)
    expected = np.sum((np.sqrt(values[0]) - np.sqrt(values[1])) ** 2)
    assert frechet_distance(np.zeros(20), a, np.zeros(20), b) == pytest.approx(expected, rel=1e-10)


def test_covariances_of_rank_one_have_a_closed_form() -> None:
    u, v = np.random.default_rng(4).normal(size=(2, 50))
    expected = u @ u + v @ v - 2 * abs(u @ v)
    assert frechet_distance(u, np.outer(u, u), u, np.outer(v, v)) == pytest.approx(expected, rel=1e-9)
    # One singular, one not: the root of v v^T M v v^T has the trace sqrt(v^T M v).
    mean, full = gaussian(5, 50)
    expected = np.trace(full) + v @ v - 2 * np.sqrt(v @ full @ v)
    assert frechet_distance(mean, full, mean, np.outer(v, v)) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(mean, np.outer(v, v), mean, full) == pytest.approx(expected, rel=1e-9)


def test_no_variance_at_all_leaves_the_other_trace() -> None:
    mean, covariance = gaussian(6, 12)
    nothing = np.zeros((12, 12))
    expected = np.trace(covariance) + 12 * 4
    assert frechet_distance(mean, covariance, mean + 2, nothing) == pytest.approx(expected, rel=1e-12)
    assert frechet_distance(mean, nothing, mean + 2, nothing) == pytest.approx(12 * 4, rel=1e-12)


def test_it_is_the_least_distance_of_roots_under_rotation() -> None:
    """Another definition: min over orthogonal U of |A^1/2 - B^1/2 U|_F^2 (Bures), solved as a Procrustes problem."""
    (mean, a), (_, b) = gaussian(7, 25), gaussian(8, 25)
    root_a, root_b = (np.real(scipy.linalg.sqrtm(c)) for c in (a, b))
    rotation, _ = scipy.linalg.orthogonal_procrustes(root_b, root_a)
    expected = np.linalg.norm(root_a - root_b @ rotation) ** 2
    assert frechet_distance(mean, a, mean, b) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("dimension", [1, 5, 64])
def test_full_covariances_agree_with_scipy_torchmetrics_and_torch_fidelity(dimension: int) -> None:
    a, b = gaussian(1, dimension), gaussian(2, dimension)
    root = np.atleast_2d(scipy.linalg.sqrtm(a[1] @ b[1])).real
    expected = np.sum((a[0] - b[0]) ** 2) + np.trace(a[1] + b[1] - 2 * root)
    assert frechet_distance(*a, *b) == pytest.approx(expected, rel=1e-9)
    tensors = [torch.from_numpy(array) for array in (*a, *b)]
    assert frechet_distance(*a, *b) == pytest.approx(float(_compute_fid(*tensors)), rel=1e-9)
    statistics = [{"mu": mean, "sigma": covariance} for mean, covariance in (a, b)]
    (fidelity,) = fid_statistics_to_metric(*statistics, False).values()
    assert frechet_distance(*a, *b) == pytest.approx(fidelity, rel=1e-9)


def test_a_covariance_close_to_singular_keeps_its_digits() -> None:
    axes = np.linalg.qr(np.random.default_rng(9).normal(size=(40, 40)))[0]
    values = np.geomspace(1e-12, 1e3, 40)  # fifteen orders of magnitude
    a, b = axes * values @ axes.T, axes * values[::-1] @ axes.T
    expected = np.sum((np.sqrt(values) - np.sqrt(values[::-1])) ** 2)
    assert frechet_distance(np.zeros(40), a, np.zeros(40), b) == pytest.approx(expected, rel=1e-6)


def test_single_precision_covariances_are_good_enough() -> None:
    """Their rounding makes them a little asymmetric, and a little indefinite where they are singular."""
    a, b = two_sets(60, 400, 100)
    rounded = [part.astype(np.float32) for part in (*moments(a), *moments(b))]
    assert np.linalg.eigvalsh(rounded[1].astype(np.float64))[0] < 0
    assert frechet_distance(*rounded) == pytest.approx(frechet_distance_of_features(a, b), rel=1e-4)


# Features: the same along other roads


@pytest.mark.parametrize(("n", "m"), [(300, 200), (30, 300), (300, 30), (64, 65), (65, 66), (5, 7)])
def test_features_agree_with_their_moments_and_with_libraries(n: int, m: int) -> None:
    a, b = two_sets(n, m, 64)
    got = frechet_distance_of_features(a, b)
    assert got == pytest.approx(frechet_distance(*moments(a), *moments(b)), rel=1e-7)
    statistics = [fid_features_to_statistics(torch.from_numpy(x)) for x in (a, b)]
    (fidelity,) = fid_statistics_to_metric(*statistics, False).values()
    assert got == pytest.approx(fidelity, rel=1e-6)
    tensors = [torch.from_numpy(part) for part in (*moments(a), *moments(b))]
    assert got == pytest.approx(float(_compute_fid(*tensors)), rel=1e-6)


def test_fewer_samples_than_dimensions_stays_finite_and_exact() -> None:
    """Where sqrtm of the product is known to return garbage: checked in the subspace that holds all samples."""
    generator = np.random.default_rng(3)
    a, b = generator.normal(size=(9, 400)), generator.normal(0.1, 1.1, size=(7, 400))
    basis = scipy.linalg.orth(np.vstack([a, b]).T)  # (400, 16): an isometry on every sample
    assert frechet_distance_of_features(a, b) == pytest.approx(
        frechet_distance_of_features(a @ basis, b @ basis), rel=1e-10
    )
    assert frechet_distance_of_features(a, b) == pytest.approx(frechet_distance(*moments(a), *moments(b)), rel=1e-7)


def test_dead_features_cost_nothing_but_time() -> None:
    """Constant and doubled columns make every covariance singular, however many samples there are."""
    a, b = two_sets(500, 400, 20)
    dead = [np.hstack([x, np.full((len(x), 3), 7.0), x[:, :5]]) for x in (a, b)]
    living = [np.hstack([x[:, :5] * np.sqrt(2), x[:, 5:]]) for x in (a, b)]  # a doubled column is one that is longer
    assert frechet_distance_of_features(*dead) == pytest.approx(frechet_distance_of_features(*living), rel=1e-9)
    assert frechet_distance_of_features(dead[0], dead[0]) == pytest.approx(0, abs=1e-10)
    constant = np.full((30, 4), 2.0)
    assert frechet_distance_of_features(constant, constant + 3) == pytest.approx(36, rel=1e-12)


def test_large_means_cost_no_digits() -> None:
    for n in (20, 300):
        a, b = two_sets(n, n, 30)
        near = frechet_distance_of_features(a, b)
        far = frechet_distance_of_features(a + 1e6, b + 1e6)
        assert far == pytest.approx(near, rel=1e-8)


class OnDisk:
    """Rows that come in slices alone."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self.shape = array.shape

    def __getitem__(self, part: slice) -> np.ndarray:
        return self._array[part]

    def __array__(self) -> np.ndarray:
        raise AssertionError("rows are to be read part by part")


@pytest.mark.parametrize("convention", ["ddof-1", "ridge-1e-6", "tfgan", "tfgan-float32"])
def test_blocks_from_a_disk_are_the_whole(convention: FrechetConvention, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = [x.astype(np.float32) for x in two_sets(100, 90, 7)]
    whole, counts = FrechetDistance(*sets, convention=convention), np.arange(100) % 3
    monkeypatch.setattr(arrays, "_BLOCK", 8 * 7 * 13)  # 13 rows
    monkeypatch.setattr(frechet, "_BLOCK", 11)
    parts = FrechetDistance(*(OnDisk(x) for x in sets), convention=convention)
    rel = 1e-4 if convention == "tfgan-float32" else 1e-12
    assert parts() == pytest.approx(whole(), rel=rel)
    assert parts(counts, counts[:90]) == pytest.approx(whole(counts, counts[:90]), rel=1e-12)
    for part, one in zip(parts.influences(), whole.influences(), strict=True):
        np.testing.assert_allclose(part, one, rtol=1e-9, atol=1e-12)


def test_a_bad_row_far_down_a_disk_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_BLOCK", 8 * 7 * 13)
    a, b = two_sets(100, 90, 7)
    a[80, 3] = np.nan
    with pytest.raises(UsageError, match="NaN"):
        FrechetDistance(OnDisk(a), b)()


@pytest.mark.parametrize(("n", "m"), [(300, 200), (30, 300), (300, 30), (30, 40), (64, 65), (65, 66), (1, 70)])
def test_the_fast_root_keeps_its_digits_or_is_not_taken(n: int, m: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against singular values that are not squared, for scales over one and over six orders of magnitude."""
    for smallest in (0.3, 1e-6):
        a, b = (x * np.geomspace(1, smallest, 64) for x in two_sets(n, m, 64))
        fast = frechet_distance_of_features(a, b, convention="ddof-0")
        with monkeypatch.context() as patch:
            patch.setattr(frechet, "_ROUNDING", -1.0)
            slow = frechet_distance_of_features(a, b, convention="ddof-0")
        assert fast == pytest.approx(slow, abs=1e-11 * (a.var(axis=0).sum() + b.var(axis=0).sum()))


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 40), scale=st.floats(1e-3, 1e3), move=st.floats(-100, 100))
def test_identity_symmetry_scaling_order_and_rotation(seed: int, n: int, scale: float, move: float) -> None:
    generator = np.random.default_rng(seed)
    a, b = generator.normal(size=(n, 12)), generator.normal(0.5, 2, size=(n + 5, 12))
    distance = frechet_distance_of_features(a, b)
    assert distance > 0
    assert frechet_distance_of_features(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance_of_features(b, a) == pytest.approx(distance, rel=1e-9)
    assert frechet_distance_of_features(a * scale, b * scale) == pytest.approx(distance * scale**2, rel=1e-9)
    assert frechet_distance_of_features(generator.permutation(a), b) == pytest.approx(distance, rel=1e-9)
    rotation = np.linalg.qr(generator.normal(size=(12, 12)))[0]
    assert frechet_distance_of_features(a @ rotation + move, b @ rotation + move) == pytest.approx(distance, rel=1e-8)
    shifted = frechet_distance_of_features(a, a + 0.25)
    assert shifted == pytest.approx(12 * 0.25**2, rel=1e-6)  # a shift by c on all D axes adds D c^2


# Conventions


def torch_tfgan(a: torch.Tensor, b: torch.Tensor) -> float:
    """The definition in TF-GAN, in torch, as ports have it."""

    def root(matrix: torch.Tensor) -> torch.Tensor:
        u, s, vh = torch.linalg.svd(matrix)
        root: torch.Tensor = u @ torch.diag(torch.where(s < 1e-10, s, s.sqrt())) @ vh
        return root

    cov_a, cov_b = a.T.cov(), b.T.cov()
    root_a = root(cov_a)
    trace = (cov_a + cov_b).trace() - 2 * root(root_a @ cov_b @ root_a).trace()
    return float(trace + (a.mean(0) - b.mean(0)).square().sum())


def test_every_convention_says_who_uses_it() -> None:
    assert set(CONVENTIONS) == set(get_args(FrechetConvention))
    assert all(convention.used_by for convention in CONVENTIONS.values())


def test_ddof_is_the_divisor() -> None:
    a, b = two_sets(80, 50, 12)
    by_moments = frechet_distance(*moments(a, 0), *moments(b, 0))
    assert frechet_distance_of_features(a, b, convention="ddof-0") == pytest.approx(by_moments, rel=1e-9)
    # With equal N, ddof 0 shrinks both covariances, and so all but the means' part, by (N - 1) / N.
    b = b[:40]
    a = a[:40]
    means = np.sum((a.mean(0) - b.mean(0)) ** 2)
    expected = means + 39 / 40 * (frechet_distance_of_features(a, b) - means)
    assert frechet_distance_of_features(a, b, convention="ddof-0") == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("n", [20, 200])
def test_the_ridge_is_on_both_diagonals(n: int) -> None:
    a, b = (x * 1e-2 for x in two_sets(n, n, 40))
    ridge = 1e-6 * np.eye(40)
    (mean_a, cov_a), (mean_b, cov_b) = moments(a), moments(b)
    expected = frechet_distance(mean_a, cov_a + ridge, mean_b, cov_b + ridge)
    assert frechet_distance_of_features(a, b, convention="ridge-1e-6") == pytest.approx(expected, rel=1e-9)
    root = scipy.linalg.sqrtm((cov_a + ridge) @ (cov_b + ridge)).real
    by_scipy = np.sum((mean_a - mean_b) ** 2) + np.trace(cov_a + cov_b + 2 * ridge - 2 * root)
    assert frechet_distance_of_features(a, b, convention="ridge-1e-6") == pytest.approx(by_scipy, rel=1e-6)
    assert expected != pytest.approx(frechet_distance_of_features(a, b), rel=1e-4)


@pytest.mark.parametrize("n", [300, 20])
def test_tfgan_agrees_with_its_definition_in_torch(n: int) -> None:
    tensors = [torch.from_numpy(x) for x in two_sets(n, n, 60)]
    double = frechet_distance_of_features(*tensors, convention="tfgan")
    assert double == pytest.approx(torch_tfgan(*tensors), rel=1e-10)
    assert double == pytest.approx(frechet_distance_of_features(*tensors), rel=1e-7)
    single = frechet_distance_of_features(*tensors, convention="tfgan-float32")
    assert single == pytest.approx(torch_tfgan(*(tensor.float() for tensor in tensors)), rel=1e-3)
    assert single == pytest.approx(double, rel=1e-3)
    assert single != double


def numpy_tfgan(a: np.ndarray, b: np.ndarray) -> float:
    """The definition in TF-GAN once more, in another library and the precision of its input."""

    def root(matrix: np.ndarray) -> np.ndarray:
        u, s, vh = np.linalg.svd(matrix)
        return np.asarray((u * np.where(s < 1e-10, s, np.sqrt(s))) @ vh)

    cov_a, cov_b = (np.cov(x, rowvar=False, dtype=x.dtype) for x in (a, b))
    root_a = root(cov_a)
    return float(
        np.trace(cov_a + cov_b) - 2 * np.trace(root(root_a @ cov_b @ root_a)) + np.sum((a.mean(0) - b.mean(0)) ** 2)
    )


def test_tfgan_in_single_precision_is_sure_only_where_no_direction_is_small() -> None:
    generator = np.random.default_rng(12)
    a, b = (generator.normal(mean, scale, size=(500, 40)).astype(np.float32) for mean, scale in ((0, 1), (0.5, 1.5)))
    got = frechet_distance_of_features(a, b, convention="tfgan-float32")
    assert got == pytest.approx(numpy_tfgan(a, b), rel=1e-5)
    small = np.geomspace(1, 1e-3, 40).astype(np.float32)
    a, b = a * small, b * small
    exact, single = (frechet_distance_of_features(a, b, convention=name) for name in ("ddof-1", "tfgan-float32"))
    assert single == pytest.approx(numpy_tfgan(a, b), rel=1e-2)
    assert single != pytest.approx(exact, rel=1e-5)


def test_tfgan_is_not_indifferent_to_scale() -> None:
    """Singular values below 1e-10 are not rooted, whatever the others are: small features come out far apart."""
    a, b = two_sets(300, 300, 10)
    exact, tfgan = (frechet_distance_of_features(a * 1e-4, b * 1e-4, convention=name) for name in ("ddof-1", "tfgan"))
    assert exact == pytest.approx(frechet_distance_of_features(a, b) * 1e-8, rel=1e-9)
    assert tfgan > 1.5 * exact


def test_conventions_differ_as_they_do_in_the_wild() -> None:
    """The pattern of real implementations on Gaussians: ddof 0 is lower the fewer samples, float32 off in the fifth
    digit, and the same distance of populations looks larger the fewer samples there are."""
    generator = np.random.default_rng(10)
    a, b = generator.normal(size=(400, 100)), generator.normal(0.05, 1.1, size=(400, 100))
    population = 100 * (0.05**2 + 0.1**2)
    rows = {
        n: {name: frechet_distance_of_features(a[:n], b[:n], convention=name) for name in CONVENTIONS}
        for n in (400, 64, 16)
    }
    assert population < rows[400]["ddof-1"] < rows[64]["ddof-1"] < rows[16]["ddof-1"]
    for n, row in rows.items():
        assert row["ddof-0"] / row["ddof-1"] == pytest.approx(1 - 1 / n, abs=0.5 / n)
        assert row["tfgan"] == pytest.approx(row["ddof-1"], rel=1e-8)
        assert row["tfgan-float32"] == pytest.approx(row["ddof-1"], rel=1e-3)
        assert row["ridge-1e-6"] == pytest.approx(row["ddof-1"], rel=1e-4)


def test_unknown_conventions_are_refused() -> None:
    with pytest.raises(UsageError, match=r"no convention 'ddof1'; did you mean 'ddof-1'"):
        frechet_distance_of_features(np.eye(3), np.eye(3), convention="ddof1")  # type: ignore[arg-type]


# Counts


@pytest.mark.parametrize("convention", ["ddof-1", "ddof-0", "ridge-1e-6"])
@pytest.mark.parametrize("dimension", [6, 60])
def test_counts_equal_repetition(convention: FrechetConvention, dimension: int) -> None:
    generator = np.random.default_rng(4)
    a, b = two_sets(20, 25, dimension)
    counts_a, counts_b = generator.integers(0, 4, 20), generator.integers(0, 4, 25)
    repeated = frechet_distance_of_features(
        np.repeat(a, counts_a, axis=0), np.repeat(b, counts_b, axis=0), convention=convention
    )
    distance = FrechetDistance(a, b, convention=convention)
    assert distance(counts_a, counts_b) == pytest.approx(repeated, rel=1e-7)
    assert distance(np.ones(20), np.ones(25)) == pytest.approx(distance(), rel=1e-12)


def test_what_is_counted_is_exact_under_tfgan_too() -> None:
    a, b = two_sets(20, 25, 60)
    counted = FrechetDistance(a, b, convention="tfgan-float32")(np.ones(20), np.ones(25))
    assert counted == pytest.approx(FrechetDistance(a, b, convention="ddof-1")(), rel=1e-12)


def test_resamplings_may_run_in_threads() -> None:
    generator = np.random.default_rng(5)
    sets = two_sets(50, 60, 20)
    drawn = [[generator.multinomial(len(x), np.ones(len(x)) / len(x)) for x in sets] for _ in range(20)]
    distance = FrechetDistance(*sets)
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda counts: distance(*counts), drawn))
    assert at_once == [FrechetDistance(*sets)(*counts) for counts in drawn]


def test_resamplings_of_many_samples_equal_the_plain_loop() -> None:
    """More than are squared at once."""
    generator = np.random.default_rng(6)
    sets = two_sets(4000, 5000, 20)
    distance = FrechetDistance(*sets)
    for _ in range(3):
        drawn = [generator.integers(len(x), size=len(x)) for x in sets]
        plain = frechet_distance_of_features(*(x[index] for x, index in zip(sets, drawn, strict=True)))
        counts = [np.bincount(index, minlength=len(x)) for x, index in zip(sets, drawn, strict=True)]
        assert distance(*counts) == pytest.approx(plain, rel=1e-9)


def test_what_counts_may_lie_far_from_the_mean() -> None:
    """Of two clusters one alone is drawn."""
    a, b = two_sets(40, 50, 6)
    far = np.vstack([a, a + 1e6])
    counts = np.repeat([1.0, 0.0], 40)
    assert FrechetDistance(far, b)(counts, np.ones(50)) == pytest.approx(frechet_distance_of_features(a, b), rel=1e-8)


@pytest.mark.parametrize("counts", [np.ones(4), -np.ones(5), np.zeros(5), np.full(5, np.nan)])
def test_bad_counts_are_refused(counts: np.ndarray) -> None:
    with pytest.raises(UsageError, match="counts"):
        FrechetDistance(np.eye(5), np.eye(5))(counts, np.ones(5))


# Influences


@pytest.fixture
def all_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Differences need them."""
    monkeypatch.setattr(frechet, "_ROUNDING", -1.0)


def slopes(distance: FrechetDistance, n: int, m: int) -> list[np.ndarray]:
    """Central differences of the distance by each count."""
    step, moved = 1e-4, [np.ones(n), np.ones(m)]
    found = []
    for counts in moved:
        values = []
        for i in range(len(counts)):
            counts[i] = 1 + step
            above = distance(*moved)
            counts[i] = 1 - step
            values.append((above - distance(*moved)) / (2 * step))
            counts[i] = 1
        found.append(np.array(values))
    return found


@pytest.mark.usefixtures("all_digits")
@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize(
    ("n", "m", "dimension"), [(30, 25, 4), (9, 7, 20), (30, 7, 12), (7, 30, 12), (12, 13, 12), (8, 9, 1)]
)
def test_influences_are_derivatives_by_counts(n: int, m: int, dimension: int, convention: FrechetConvention) -> None:
    distance = FrechetDistance(*two_sets(n, m, dimension), convention=convention)
    for influence, slope in zip(distance.influences(), slopes(distance, n, m), strict=True):
        assert influence.shape == slope.shape
        np.testing.assert_allclose(influence, slope, rtol=0, atol=3e-7 * np.abs(slope).max())


@pytest.mark.usefixtures("all_digits")
def test_influences_where_a_covariance_is_singular() -> None:
    """Constant and doubled columns, in one set or in both."""
    a, b = two_sets(40, 30, 6)
    dead = [np.hstack([x, np.full((len(x), 2), 7.0), x[:, :2]]) for x in (a, b)]
    living = np.hstack([b, two_sets(30, 30, 4, seed=1)[0]])
    for sets in (dead, (dead[0], living), (living, dead[1])):
        distance = FrechetDistance(*sets)
        for influence, slope in zip(distance.influences(), slopes(distance, *map(len, sets)), strict=True):
            np.testing.assert_allclose(influence, slope, rtol=0, atol=3e-7 * np.abs(slope).max())


def test_influences_of_one_dimension_have_a_closed_form() -> None:
    a, b = two_sets(50, 40, 1)
    gap, ratio = a.mean() - b.mean(), b.std(ddof=1) / a.std(ddof=1)
    # Of (m_a - m_b)^2 + (s_a - s_b)^2: the variance of a changes by ((x - m)^2 - s_a^2) / 49, its root by half that.
    variance = ((a[:, 0] - a.mean()) ** 2 - a.var(ddof=1)) / 49
    expected = 2 * gap * (a[:, 0] - a.mean()) / 50 + (1 - ratio) * variance
    np.testing.assert_allclose(FrechetDistance(a, b).influences()[0], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n", [30, 200])
def test_influences_of_a_set_on_itself_are_none(n: int) -> None:
    a, _ = two_sets(n, n, 30)
    for influence in FrechetDistance(a, a).influences():
        assert np.abs(influence).max() < 1e-9


def test_influences_by_rows_and_by_matrices_agree() -> None:
    """Samples in a few of many dimensions: the road for few samples on one side, that for many on the other."""
    a, b = two_sets(40, 50, 10)
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(60, 10)))[0].T  # an isometry into 60 dimensions
    many, few = FrechetDistance(a, b), FrechetDistance(a @ axes, b @ axes)
    assert few() == pytest.approx(many(), rel=1e-12)
    for one, other in zip(many.influences(), few.influences(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-10 * np.abs(one).max())


def test_influences_of_sets_that_do_not_vary_are_of_the_mean_alone() -> None:
    many = two_sets(50, 50, 3)[0]
    for one in (np.ones((5, 3)), np.ones((2, 3))):
        still, moving = FrechetDistance(one, many).influences()
        assert np.abs(still).max() < 1e-12
        centred = many - many.mean(axis=0)
        variance = (np.sum(centred**2, axis=1) - np.sum(centred**2) / 49) / 49
        expected = 2 / 50 * centred @ (many.mean(axis=0) - 1) + variance
        np.testing.assert_allclose(moving, expected, rtol=1e-9, atol=1e-12)


# What is given


def test_inputs_are_not_changed() -> None:
    """The covariance in several ports subtracts the mean in place, so that a second call gives another number."""
    a, b = (np.random.default_rng(seed).normal(size=(30, 5)) for seed in (5, 6))
    before = a.copy(), b.copy()
    for convention in CONVENTIONS:
        assert frechet_distance_of_features(a, b, convention=convention) == frechet_distance_of_features(
            a, b, convention=convention
        )
    given_moments = (*moments(a), *moments(b))
    copies = [part.copy() for part in given_moments]
    assert frechet_distance(*given_moments) == frechet_distance(*given_moments)
    assert (a == before[0]).all()
    assert (b == before[1]).all()
    assert all((part == copy).all() for part, copy in zip(given_moments, copies, strict=True))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.int64])
def test_tensors_of_any_dtype_and_with_gradients(dtype: torch.dtype) -> None:
    a, b = (torch.from_numpy(x * 10).to(dtype) for x in two_sets(30, 20, 4))
    expected = frechet_distance_of_features(a.double().numpy(), b.double().numpy())
    assert frechet_distance_of_features(a, b) == expected
    if dtype.is_floating_point:
        assert frechet_distance_of_features(a.clone().requires_grad_(), b) == expected
    assert frechet_distance_of_features(a.tolist(), b.tolist()) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros(3), np.eye(3), np.zeros(2), np.eye(2)), "of one D"),
        ((np.zeros(0), np.eye(0), np.zeros(0), np.eye(0)), "of one D"),
        ((np.zeros(3), np.eye(3), np.full(3, np.nan), np.eye(3)), "NaN"),
        ((np.zeros(3), np.eye(3), np.zeros(3), np.full((3, 3), np.inf)), "NaN or infinity"),
        ((np.zeros(2), np.array([[1.0, 0.5], [0.0, 1.0]]), np.zeros(2), np.eye(2)), "symmetric"),
        ((np.zeros(2), np.array([[1.0, 0.5], [0.0, 1.0]]) * 1e-12, np.zeros(2), np.eye(2)), "symmetric"),
        ((np.zeros(2), np.diag([1.0, -0.1]), np.zeros(2), np.eye(2)), "eigenvalue -0.1"),
        ((np.zeros((2, 2)), np.eye(2), np.zeros(2), np.eye(2)), "axes"),
        ((np.zeros(2), np.eye(2), np.zeros(2), np.eye(2) * 1j), "real numbers"),
    ],
)
def test_bad_moments_are_refused(arguments: tuple[np.ndarray, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        frechet_distance(*arguments)


@pytest.mark.parametrize(
    ("a", "message"),
    [
        (np.zeros((1, 3)), "at least 2 samples"),
        (np.zeros((0, 3)), "at least 2 samples"),
        (np.zeros((5, 4)), "4 and 3 dimensions"),
        (np.zeros(3), "2 axes"),
        (np.full((5, 3), 1e60), "hold 1e\\+60"),
        ([["a", "b", "c"]] * 5, "real numbers"),
        ([[1.0], [1.0, 2.0]], "array of numbers"),
    ],
)
def test_bad_features_are_refused(a: ArrayLike, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        frechet_distance_of_features(a, np.zeros((5, 3)))


def test_no_dimensions_are_refused() -> None:
    with pytest.raises(UsageError, match="no dimensions"):
        frechet_distance_of_features(np.zeros((5, 0)), np.zeros((5, 0)))


def test_one_sample_has_no_unbiased_covariance_but_one_of_maximum_likelihood() -> None:
    one, many = np.ones((1, 3)), np.random.default_rng(0).normal(size=(50, 3))
    expected = np.sum((1 - many.mean(0)) ** 2) + many.var(axis=0).sum()
    assert frechet_distance_of_features(one, many, convention="ddof-0") == pytest.approx(expected, rel=1e-12)


def test_overflow_in_single_precision_is_refused() -> None:
    a, b = (x * 1e25 for x in two_sets(30, 20, 4))
    assert frechet_distance_of_features(a, b) > 0
    with pytest.raises(UsageError, match="overflow float32"):
        frechet_distance_of_features(a, b, convention="tfgan-float32")
