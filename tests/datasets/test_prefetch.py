"""Threads find the answers; nobody can tell from the result."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidgauge.datasets.prefetch import in_order


def count_up(n: int) -> Iterator[tuple[int, int]]:
    for number in range(n):
        yield n, number


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 12), max_size=12), st.integers(0, 4))
def test_the_answers_are_those_of_a_plain_loop(things: list[int], workers: int) -> None:
    assert list(in_order(things, count_up, workers)) == [answer for n in things for answer in count_up(n)]


def test_no_more_than_a_few_things_are_in_work() -> None:
    started: list[int] = []

    def answers(thing: int) -> Iterator[int]:
        started.append(thing)
        yield from range(100)

    outcomes = in_order(range(1000), answers, workers=2)
    next(outcomes)
    assert max(started) < 4
    outcomes.close()  # type: ignore[attr-defined]  # a generator, promised as no more than an iterator


def test_answers_wait_in_bounded_lanes() -> None:
    given_out = threading.Semaphore(0)
    counted: list[int] = []

    def answers(_: int) -> Iterator[int]:
        for number in range(1000):
            counted.append(number)
            given_out.release()
            yield number

    outcomes = in_order([0], answers, workers=1)
    next(outcomes)
    for _ in range(5):
        given_out.acquire(timeout=10)
    assert len(counted) <= 1 + 4 + 1  # taken, waiting, in the worker's hand
    outcomes.close()  # type: ignore[attr-defined]  # as above


def test_an_exception_is_raised_in_its_turn() -> None:
    def answers(thing: int) -> Iterator[int]:
        yield thing
        if thing == 3:
            raise KeyError(thing)

    outcomes = in_order(range(10), answers, workers=3)
    assert [next(outcomes) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(KeyError):
        next(outcomes)
