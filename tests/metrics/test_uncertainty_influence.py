"""Standard errors and intervals from influences: textbook cases, brute force, simulated sets with a known spread."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import scipy.stats

from vidgauge.metrics.uncertainty.clusters import Part, cluster_sums, cut, in_parts
from vidgauge.metrics.uncertainty.influence import interval, standard_error
from vidgauge.metrics.uncertainty.interval import EXPECTED
from vidgauge.metrics.uncertainty.variance import variance


def of_mean(values: np.ndarray) -> np.ndarray:
    return np.asarray((values - values.mean()) / len(values))


def names(count: int, each: int = 1) -> list[str]:
    return [f"video {index // each}" for index in range(count * each)]


def test_of_a_mean_it_is_the_textbook_one() -> None:
    values = np.linspace(-1, 1, 30)  # lighter tails than a normal variable has: all 29 degrees of freedom are there
    error = values.std(ddof=1) / np.sqrt(30)
    assert standard_error([of_mean(values)], [names(30)]) == pytest.approx(error, rel=1e-12)
    found = interval(7.0, [of_mean(values)], [names(30)], level=0.9, minimum=10)
    assert (found.low, found.high) == pytest.approx(scipy.stats.t.interval(0.9, 29, loc=7.0, scale=error))
    assert (found.level, found.method, found.covers) == (0.9, "influence", EXPECTED)
    assert found.standard_error == pytest.approx(error)


def test_of_a_difference_of_means_it_has_the_degrees_of_welch() -> None:
    sets = np.linspace(-1, 1, 12), np.linspace(-5, 5, 40)
    ours = interval(0.0, [of_mean(sets[0]), -of_mean(sets[1])], [names(12), names(40)], level=0.95, minimum=2)
    theirs = scipy.stats.ttest_ind(*sets, equal_var=False).confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_heavy_tails_leave_fewer_degrees_of_freedom() -> None:
    light, heavy = np.linspace(-1, 1, 40), np.zeros(40)
    heavy[:2] = 1, -1
    assert variance([light]).degrees == pytest.approx(39)
    assert variance([heavy]).degrees < 5


def test_samples_of_a_cluster_are_one_draw() -> None:
    generator = np.random.default_rng(0)
    values, sources = generator.normal(size=60), generator.choice([f"v{i}" for i in range(13)], 60)
    influences, by_hand = generator.normal(size=60), 0.0
    for name in set(sources):
        by_hand += (influences - influences.mean())[sources == name].sum() ** 2
    assert standard_error([influences], [list(sources)]) == pytest.approx(np.sqrt(by_hand * 13 / 12), rel=1e-12)
    alone = standard_error([of_mean(values)], [names(60)])
    copies = standard_error([of_mean(np.repeat(values, 5))], [names(60, 5)])
    assert copies == pytest.approx(alone, rel=1e-12)


def test_clusters_that_sets_share_are_one_draw_where_that_is_said() -> None:
    values = np.random.default_rng(1).normal(size=20)
    influences = [of_mean(values), -of_mean(values[::-1])]  # the same videos in another order: the difference is 0
    groups = [names(20), names(20)[::-1]]
    assert standard_error(influences, groups, shared=True) == pytest.approx(0, abs=1e-15)
    assert standard_error(influences, groups) == pytest.approx(np.sqrt(2 / 20) * values.std(ddof=1))


def test_too_few_videos_have_a_reason() -> None:
    found = interval(1.0, [of_mean(np.arange(90.0))], [names(9, 10)], level=0.95, minimum=10)
    assert found.low is None
    assert found.reason == "9 independent videos in a set; an interval needs at least 10"


def test_intervals_of_positive_numbers_are_even_about_the_logarithm() -> None:
    influences = [of_mean(np.linspace(-5, 5, 30))]
    plain = interval(3.0, influences, [names(30)], level=0.95, minimum=10)
    found = interval(3.0, influences, [names(30)], level=0.95, minimum=10, positive=True)
    assert plain.high is not None
    assert (found.low, found.high) == pytest.approx((3 / np.exp(plain.high / 3 - 1), 3 * np.exp(plain.high / 3 - 1)))
    wide = interval(0.1, influences, [names(30)], level=0.95, minimum=10, positive=True)
    assert wide == interval(0.1, influences, [names(30)], level=0.95, minimum=10)


def test_parts_are_disjoint_nested_and_keep_clusters_whole() -> None:
    groups = [names(10, 3), [f"video {index}" for index in range(2, 13)]]
    for shared in (False, True):
        quarters, halves = (cut(groups, parts, seed=4, shared=shared) for parts in (4, 2))
        for which, whole in enumerate(groups):
            together = np.concatenate([quarter[which] for quarter in quarters])
            assert sorted(together) == list(range(len(whole)))
            held = [{whole[place] for place in quarter[which]} for quarter in quarters]
            assert sum(map(len, held)) == len(set(whole)), "no video is in two parts"
            for half, (first, second) in zip(halves, (quarters[:2], quarters[2:]), strict=True):
                assert sorted([*first[which], *second[which]]) == list(half[which])
        if shared:
            assert all(
                not {groups[0][i] for i in one[0]} & {groups[1][i] for i in other[1]}
                for one in halves
                for other in halves
                if one is not other
            )
    assert [len(set(np.array(names(10, 3))[part])) for (part,) in cut([names(10, 3)], 2, 0)] == [5, 5]


def test_influences_within_parts_lie_where_their_samples_do() -> None:
    values = np.random.default_rng(2).normal(size=12)
    pieces = cut([names(6, 2)], 2, 0)
    (found,) = in_parts(lambda part: [of_mean(values[part[0]]) + 7], pieces)
    for (where,) in pieces:
        assert found[where] == pytest.approx(of_mean(values[where]))


def halved(
    influences_of: Callable[..., Sequence[np.ndarray]], *sets: np.ndarray, groups: list[list[str]]
) -> tuple[np.ndarray, ...]:
    def of_part(part: Part) -> Sequence[np.ndarray]:
        return influences_of(*(values[where] for values, where in zip(sets, part, strict=True)))

    return in_parts(of_part, cut(groups, 2, 0))


def of_square(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the squared distance between the means of vectors."""
    apart = a.mean(axis=0) - b.mean(axis=0)
    return of_mean(2 * a @ apart), -of_mean(2 * b @ apart)


@pytest.mark.parametrize(("apart", "plain"), [(0.0, np.sqrt(2)), (5.0, 1.0)])
def test_halves_take_out_what_pairs_of_samples_count_twice(apart: float, plain: float) -> None:
    """A squared distance of means: its spread is known, and all second order where the sets are alike."""
    generator, n, dimensions, draws = np.random.default_rng(3), 50, 20, 400
    groups = [names(n), names(n)]
    values, simple, exact = [], [], []
    for _ in range(draws):
        a, b = generator.normal(size=(2, n, dimensions))
        a[:, 0] += apart
        values.append(np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2))
        simple.append(standard_error(of_square(a, b), groups) ** 2)
        sums = [
            [cluster_sums([x], [name]) for x, name in zip(influences, groups, strict=True)]
            for influences in (of_square(a, b), halved(of_square, a, b, groups=groups))
        ]
        # Without its bounds, which a single pair of sets needs, the mean over draws is unbiased.
        whole, half = (sum(float(np.sum(x**2)) * n / (n - 1) for x in of_sets) for of_sets in sums)
        exact.append(1.5 * whole - 0.25 * half / 2 * (n - 1) / (n - 2))
    spread = np.sqrt(2 * dimensions * (2 / n) ** 2 + 4 * (2 / n) * apart**2)
    assert np.std(values) == pytest.approx(spread, rel=0.1)
    assert np.sqrt(np.mean(simple)) == pytest.approx(plain * spread, rel=0.06)
    assert np.sqrt(np.mean(exact)) == pytest.approx(spread, rel=0.06)


def test_two_clusters_cannot_be_halved() -> None:
    sums = np.array([1.0, -1.0])
    assert variance([sums], [np.zeros(2)]) == variance([sums])


def test_with_halves_a_mean_keeps_its_error_and_bounds_hold() -> None:
    generator = np.random.default_rng(5)
    a, b = generator.normal(size=400), generator.normal(size=400)
    groups = [names(400), names(400)]
    means = [of_mean(a), -of_mean(b)]
    within = halved(lambda x, y: [of_mean(x), -of_mean(y)], a, b, groups=groups)
    assert standard_error(means, groups, halved=within) == pytest.approx(standard_error(means, groups), rel=0.003)
    for factor, share in ((0.0, 1.0), (100.0, 0.5)):
        bounded = standard_error(means, groups, halved=[factor * x for x in within]) ** 2
        assert bounded == pytest.approx(share * standard_error(means, groups) ** 2)
