"""Bootstrap intervals: the plain mean has a textbook answer, and clips of one file are drawn together."""

import numpy as np
import pytest

from vidgauge.metrics.uncertainty.bootstrap import bootstrap
from vidgauge.metrics.uncertainty.interval import Interval


def mean_interval(values: np.ndarray, sources: list[str], seed: int = 0, replicates: int = 2000) -> Interval:
    def mean(counts: np.ndarray) -> float:
        return float(np.average(values, weights=counts))

    return bootstrap(mean, float(values.mean()), [sources], replicates=replicates, level=0.95, minimum=10, seed=seed)


def ends(interval: Interval) -> tuple[float, float]:
    assert interval.low is not None
    assert interval.high is not None
    return interval.low, interval.high


def test_interval_of_a_mean_is_the_textbook_one() -> None:
    values = np.random.default_rng(0).normal(size=400)
    low, high = ends(mean_interval(values, [str(i) for i in range(400)]))
    assert (high - low) / 2 == pytest.approx(1.96 * values.std() / 20, rel=0.08)
    assert (high + low) / 2 == pytest.approx(values.mean(), abs=0.01)


def test_clips_of_one_file_are_not_independent() -> None:
    """Copies of each value add no information: the interval stays as wide as with one clip a file."""
    values = np.random.default_rng(1).normal(size=100)
    alone = ends(mean_interval(values, [str(i) for i in range(100)]))
    copies = ends(mean_interval(np.repeat(values, 9), [str(i) for i in np.repeat(np.arange(100), 9)]))
    assert copies == pytest.approx(alone, rel=1e-9)


def test_same_seed_same_interval() -> None:
    values, sources = np.random.default_rng(2).normal(size=30), [str(i) for i in range(30)]
    assert mean_interval(values, sources, 3, 100) == mean_interval(values, sources, 3, 100)
    assert mean_interval(values, sources, 3, 100) != mean_interval(values, sources, 4, 100)


def test_too_few_videos_have_no_interval_but_a_reason() -> None:
    interval = mean_interval(np.arange(90.0), [str(i % 9) for i in range(90)])
    assert (interval.low, interval.high, interval.level) == (None, None, None)
    assert "9 independent videos" in interval.reason


def test_any_number_of_threads_gives_the_same_interval_and_progress_is_told() -> None:
    values, groups = np.random.default_rng(4).normal(size=40), [[str(i) for i in range(40)]]
    told: list[float] = []

    def spread(counts: np.ndarray) -> float:
        return float(counts @ values**2)

    intervals = [
        bootstrap(
            spread,
            1.0,
            groups,
            replicates=100,
            level=0.9,
            minimum=2,
            seed=1,
            threads=threads,
            announce=told.append,
        )
        for threads in (1, 5)
    ]
    assert intervals[0] == intervals[1]
    assert told == pytest.approx(2 * [(number + 1) / 100 for number in range(100)])


def test_shared_videos_are_drawn_together() -> None:
    def difference(first: np.ndarray, second: np.ndarray) -> float:
        return float(np.abs(first - second[::-1]).sum())

    groups = [[str(i) for i in range(20)], [str(i) for i in range(20)][::-1]]
    found = bootstrap(difference, 0.0, groups, replicates=100, level=0.9, minimum=2, seed=0, shared=True)
    assert (found.low, found.high, found.standard_error) == (0, 0, 0)
    apart = bootstrap(difference, 0.0, groups, replicates=100, level=0.9, minimum=2, seed=0)
    assert apart.standard_error
