"""Moments by blocks and merges against sums in exact arithmetic and in long double."""

from fractions import Fraction
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vidgauge.metrics.moments import Moments


def assert_equal(one: Moments, other: Moments, rel: float = 1e-13) -> None:
    assert one.count == other.count
    np.testing.assert_allclose(one.mean, other.mean, rtol=rel, atol=rel)
    np.testing.assert_allclose(one.scatter, other.scatter, rtol=0, atol=rel * np.abs(other.scatter).max())


def test_they_are_the_sums_of_exact_arithmetic() -> None:
    rows = np.random.default_rng(0).normal(1e3, 1, size=(9, 3))
    exact = [[Fraction(float(x)) for x in row] for row in rows]
    mean = [sum(column) / 9 for column in zip(*exact, strict=True)]
    scatter = [[sum((row[i] - mean[i]) * (row[j] - mean[j]) for row in exact) for j in range(3)] for i in range(3)]
    moments = Moments.of(rows)
    np.testing.assert_allclose(moments.mean, np.array(mean, dtype=float), rtol=1e-15)
    np.testing.assert_allclose(moments.scatter, np.array(scatter, dtype=float), rtol=1e-12)
    np.testing.assert_allclose(moments.covariance(), moments.scatter / 8)
    np.testing.assert_allclose(moments.covariance(0), np.cov(rows, rowvar=False, ddof=0), rtol=1e-9)
    np.testing.assert_allclose(np.triu(moments.covariance()), moments.upper_covariance())


@settings(deadline=None, max_examples=30)
@given(
    cuts=st.lists(st.integers(0, 60), max_size=6),
    order=st.randoms(use_true_random=False),
    offset=st.sampled_from([0.0, 1e6]),
)
def test_any_partition_merged_in_any_order_is_one_pass(cuts: list[int], order: Random, offset: float) -> None:
    rows = np.random.default_rng(len(cuts)).normal(size=(60, 4)) * [1, 2, 3, 0.1] + offset
    parts = [Moments.of(part) for part in np.split(rows, sorted(cuts))]
    order.shuffle(parts)
    merged = Moments(4)
    for part in parts:
        merged.merge(part)
    assert_equal(merged, Moments.of(rows), 1e-9 if offset else 1e-13)


def test_a_mean_far_beyond_the_spread_costs_no_digits() -> None:
    rows = np.random.default_rng(1).normal(1e6, 1, size=(5000, 3))
    precise = rows.astype(np.longdouble)
    precise -= precise.mean(axis=0)
    for moments in (Moments.of(rows), merged_of(np.split(rows, 50))):
        np.testing.assert_allclose(moments.mean, rows.astype(np.longdouble).mean(axis=0).astype(float), rtol=1e-15)
        np.testing.assert_allclose(moments.scatter, (precise.T @ precise).astype(float), rtol=0, atol=1e-6)


def test_merging_leaves_the_other_as_it_is() -> None:
    a, b = Moments.of(np.eye(3)), Moments.of(np.eye(3) * 2)
    before = b.mean.copy(), b.scatter
    a.merge(b)
    a.add(np.ones((2, 3)))
    assert b.count == 3
    assert (b.mean == before[0]).all()
    assert (b.scatter == before[1]).all()


def merged_of(parts: list[np.ndarray]) -> Moments:
    moments = Moments(3)
    for part in parts:
        moments.merge(Moments.of(part))
    return moments
