"""Extrapolation, differences and permutations: exact where the answer is known, enumeration where sets are tiny."""

from itertools import combinations

import numpy as np
import pytest
import scipy.stats

from vidgauge.metrics.arrays import Array
from vidgauge.metrics.frechet import FrechetDistance
from vidgauge.metrics.kernel import KernelDistance
from vidgauge.metrics.statistic import Rows
from vidgauge.metrics.uncertainty.chosen_rows import ChosenRows
from vidgauge.metrics.uncertainty.clusters import cut, in_parts
from vidgauge.metrics.uncertainty.extrapolation import extrapolate, line_end
from vidgauge.metrics.uncertainty.influence import interval, standard_error
from vidgauge.metrics.uncertainty.interval import POPULATION
from vidgauge.metrics.uncertainty.paired import difference, halves, of_difference
from vidgauge.metrics.uncertainty.permutation import permutation_test


def names(count: int, each: int = 1, what: str = "video") -> list[str]:
    return [f"{what} {index // each}" for index in range(count * each)]


def of_mean(values: Array) -> Array:
    return np.asarray((values - values.mean()) / len(values))


class BiasedDifference:
    """Of two means, raised by a multiple of 1/N."""

    def __init__(self, a: Rows, b: Rows, bias: float = 7.0) -> None:
        self.a, self.b, self.bias = np.asarray(a)[:, 0], np.asarray(b)[:, 0], bias

    def __call__(self, *counts: Array) -> float:
        assert not counts
        return float(self.a.mean() - self.b.mean() + self.bias * (1 / len(self.a) + 1 / len(self.b)))

    def influences(self) -> tuple[Array, Array]:
        return of_mean(self.a), -of_mean(self.b)


def test_a_line_through_values_on_a_line_ends_on_it() -> None:
    places = [0.1, 0.2, 0.4, 0.7]
    assert line_end(places) @ (3 - 2 * np.array(places)) == pytest.approx(3, rel=1e-13)
    assert line_end([0.1, 0.2]) == pytest.approx([2, -1])


def test_what_is_linear_in_one_by_n_is_extrapolated_exactly_with_the_error_of_its_means() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(5, 1, size=(96, 1)), generator.normal(size=(48, 1))
    groups, told = [names(48, 2), names(24, 2)], [0.0]
    found = extrapolate(
        BiasedDifference, [a, b], groups, level=0.95, minimum=2, seed=3, smallest=6, announce=told.append
    )
    assert found.value is not None
    assert found.value == pytest.approx(a.mean() - b.mean(), rel=1e-12)
    assert [point.n for point in found.curve] == pytest.approx([64, 32, 16, 8])
    assert [point.parts for point in found.curve] == [1, 2, 4, 8]
    assert [point.value - found.value for point in found.curve] == pytest.approx([14 / 64 * k for k in (1, 2, 4, 8)])
    plain = standard_error(BiasedDifference(a, b).influences(), groups)
    assert found.interval.standard_error == pytest.approx(plain, rel=0.1)
    assert all(point.interval.standard_error == pytest.approx(plain, rel=0.3) for point in found.curve)
    assert found.interval.covers == POPULATION
    assert told[-1] == 1.0


def test_the_errors_of_extrapolated_means_are_unbiased_whatever_the_number_of_videos() -> None:
    """Few clusters, several parts: what is lost to each part's own mean is made up for."""
    generator, squares = np.random.default_rng(9), np.empty((150, 4))
    for draw in range(150):
        a, b = generator.normal(size=(2, 12, 1))
        found = extrapolate(BiasedDifference, [a, b], [names(12)] * 2, level=0.95, minimum=2, seed=0, smallest=3)
        intervals = [found.interval, *(point.interval for point in found.curve)]
        squares[draw] = [interval.standard_error**2 for interval in intervals if interval.standard_error is not None]
    assert np.mean(squares, axis=0) == pytest.approx(np.full(4, 2 / 12), rel=0.1)


def test_too_few_samples_for_a_line_have_a_curve_of_one_point_and_a_reason() -> None:
    a, b = np.random.default_rng(1).normal(size=(2, 39, 10))
    found = extrapolate(FrechetDistance, [a, b], [names(39)] * 2, level=0.95, minimum=10, seed=0)
    assert found.value is None
    assert found.reason == found.interval.reason == "39 samples in a set; a line in 1/N needs two parts of 20"
    assert [point.value for point in found.curve] == [pytest.approx(FrechetDistance(a, b)())]
    few = extrapolate(FrechetDistance, [a, b], [names(13, 3)] * 2, level=0.95, minimum=14, seed=0)
    assert few.curve[0].interval.reason.startswith("13 independent videos")


def test_the_first_point_of_the_curve_has_the_interval_of_the_score() -> None:
    generator = np.random.default_rng(2)
    a, b, groups = generator.normal(size=(80, 4)), generator.normal(0.5, 1, size=(64, 4)), [names(40, 2), names(64)]
    pieces = cut(groups, 2, seed=5)
    halved = in_parts(lambda part: FrechetDistance(a[part[0]], b[part[1]]).influences(), pieces)
    whole = FrechetDistance(a, b)
    score = interval(whole(), whole.influences(), groups, level=0.95, minimum=10, halved=halved, positive=True)
    first = extrapolate(FrechetDistance, [a, b], groups, level=0.95, minimum=10, seed=5).curve[0].interval
    assert (first.low, first.high) == pytest.approx((score.low, score.high), rel=1e-12)


def test_extrapolated_frechet_distances_scatter_about_the_true_one_as_their_intervals_say() -> None:
    generator, dimension, n = np.random.default_rng(3), 4, 40
    truth = dimension * (0.5**2 + 0.5**2)
    values, errors = np.empty(100), np.empty(100)
    for draw in range(100):
        a, b = generator.normal(size=(n, dimension)), generator.normal(0.5, 1.5, size=(n, dimension))
        found = extrapolate(FrechetDistance, [a, b], [names(n)] * 2, level=0.95, minimum=10, seed=0)
        assert found.value is not None
        assert found.interval.standard_error is not None
        values[draw], errors[draw] = found.value, found.interval.standard_error
    assert np.mean(values) == pytest.approx(truth, abs=3 * np.std(values) / np.sqrt(100))
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(values), rel=0.2)


def test_chosen_rows_are_rows() -> None:
    rows = np.random.default_rng(4).normal(size=(30, 3))
    where = np.array([2, 3, 11, 29])
    chosen = ChosenRows(rows, where)
    assert (chosen.shape, len(chosen)) == ((4, 3), 4)
    assert np.array_equal(chosen, rows[where])
    assert np.array_equal(chosen[1:3], rows[[3, 11]])
    assert chosen[4:9].shape == (0, 3)


def test_a_difference_of_paired_means_is_the_paired_t_test() -> None:
    generator = np.random.default_rng(5)
    prompts = np.linspace(-2, 2, 24)
    a, b = prompts + np.linspace(-1, 1, 24) ** 3, prompts[::-1] * 0 + prompts - 0.2
    reference = generator.normal(size=30)
    influences = of_difference((of_mean(reference), of_mean(a)), (of_mean(reference), of_mean(b)))
    order = generator.permutation(24)
    shuffled = [influences[0], influences[1], influences[2][order]]
    groups = [names(30), names(24), [names(24)[i] for i in order]]
    ours = difference(a.mean() - b.mean(), shuffled, groups, paired=True, level=0.95, minimum=10)
    theirs = scipy.stats.ttest_rel(a, b)
    assert ours.interval.standard_error == pytest.approx((a - b).std(ddof=1) / np.sqrt(24))
    assert ours.p == pytest.approx(theirs.pvalue, rel=0.1)
    apart = difference(a.mean() - b.mean(), shuffled, groups, paired=False, level=0.95, minimum=10)
    assert apart.p == pytest.approx(scipy.stats.ttest_ind(a, b, equal_var=False).pvalue, rel=0.02)
    few = difference(1.0, shuffled, groups, paired=True, level=0.95, minimum=25)
    assert few.p is None
    assert few.interval.reason


def test_what_two_sets_share_falls_out_of_their_difference() -> None:
    """The same set twice is no difference at all; halves keep pairs and the reference together."""
    generator = np.random.default_rng(6)
    real, generated = generator.normal(size=(2, 60, 3))
    groups = [names(60, what="real"), names(60), names(60)]

    def influences(where: tuple[np.ndarray, ...]) -> tuple[Array, ...]:
        return of_difference(*(FrechetDistance(real[where[0]], generated[of]).influences() for of in where[1:]))

    everything = influences((np.arange(60),) * 3)
    pieces = halves(groups, 0, paired=True)
    assert all(np.array_equal(first, second) for _, first, second in pieces)
    found = difference(
        0.0, everything, groups, paired=True, level=0.95, minimum=10, halved=in_parts(influences, pieces)
    )
    assert found.interval.standard_error == pytest.approx(0, abs=1e-12)
    apart = difference(0.0, everything, groups, paired=False, level=0.95, minimum=10)
    assert apart.interval.standard_error
    assert apart.p == 1


def mean_difference(values: Array, a: Array, b: Array) -> float:
    return float(np.average(values, weights=a) - np.average(values, weights=b))


def test_of_few_videos_all_labellings_are_tried() -> None:
    values = np.array([3.0, 5.0, 4.5, 1.0, 2.0, 3.5, 0.5])
    found = permutation_test(lambda a, b: mean_difference(values, a, b), [names(3), names(4)], replicates=1000, seed=0)
    splits = [np.isin(np.arange(7), chosen) for chosen in combinations(range(7), 3)]
    all_values = np.array([values[split].mean() - values[~split].mean() for split in splits])
    assert found.p == np.mean(all_values >= all_values[0] - 1e-12)
    assert found.labellings == 35
    assert found.exact
    paired = permutation_test(
        lambda a, b: mean_difference(values[:6], a, b), [names(3), names(3)], replicates=1000, seed=0, paired=True
    )
    swaps = [
        np.mean((values[:3] - values[3:6]) * signs) for signs in np.array(np.meshgrid(*[[1, -1]] * 3)).T.reshape(-1, 3)
    ]
    assert paired.p == np.mean(np.array(swaps) >= swaps[0])
    assert paired.labellings == 8


def test_clusters_are_labelled_whole_and_sets_keep_their_numbers() -> None:
    seen: list[tuple[int, ...]] = []

    def remember(a: Array, b: Array) -> float:
        assert np.array_equal(a + b, np.ones(10))
        assert (b[0::2] == b[1::2]).all()
        seen.append(tuple(map(int, np.flatnonzero(b[::2]))))
        return 0.0

    found = permutation_test(remember, [names(2, 2), names(3, 2)], replicates=100, seed=0, threads=1)
    assert seen[0] == (2, 3, 4)
    assert set(seen) == set(combinations(range(5), 3))
    assert found.p == 1


@pytest.mark.parametrize("distance", [FrechetDistance, KernelDistance])
def test_distances_tell_sets_apart_where_they_differ(distance: type[FrechetDistance | KernelDistance]) -> None:
    generator = np.random.default_rng(8)
    a, b = generator.normal(size=(2, 40, 3))
    for shift, largest, smallest in ((0.0, 1.0, 0.05), (1.5, 0.01, 0.0)):
        both = np.concatenate([a, b + shift])
        pooled = distance(both, both)
        found = permutation_test(pooled, [names(40), names(40)], replicates=99, seed=0)
        again = permutation_test(pooled, [names(40), names(40)], replicates=99, seed=0, threads=3)
        assert smallest <= found.p <= largest
        assert found == again
        assert found.value == pytest.approx(distance(a, b + shift)())
