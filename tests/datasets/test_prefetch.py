"""Threads find the answers; nobody can tell from the result."""

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidgauge.datasets.prefetch import AHEAD, AHEAD_BYTES, in_order


def count_up(n: int) -> Iterator[tuple[int, int]]:
    for number in range(n):
        yield n, number


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 12), max_size=12), st.integers(0, 4), st.integers(0, 2 * AHEAD_BYTES))
def test_the_answers_are_those_of_a_plain_loop(things: list[int], workers: int, weight: int) -> None:
    answers = in_order(things, count_up, workers, weigh=lambda _: weight)
    assert list(answers) == [answer for n in things for answer in count_up(n)]


def test_no_more_than_a_few_things_are_in_work() -> None:
    started: list[int] = []

    def answers(thing: int) -> Iterator[int]:
        started.append(thing)
        yield from range(100)

    outcomes = in_order(range(1000), answers, workers=2)
    next(outcomes)
    assert max(started) < 4
    outcomes.close()  # type: ignore[attr-defined]  # a generator, promised as no more than an iterator


@pytest.mark.parametrize(
    ("weight", "waiting"),
    [(0, AHEAD), (AHEAD_BYTES // 4, 4), (AHEAD_BYTES // 3, 3), (AHEAD_BYTES // 2 + 1, 1), (3 * AHEAD_BYTES, 1)],
)
def test_answers_that_wait_are_bounded_by_count_and_by_bytes(weight: int, waiting: int) -> None:
    begun: list[int] = []
    changed = threading.Condition()

    def answers(_: int) -> Iterator[int]:
        for number in range(1000):
            with changed:
                begun.append(number)
                changed.notify_all()
            yield number

    outcomes = in_order([0], answers, workers=1, weigh=lambda _: weight)
    for taken in range(1, 20):
        assert next(outcomes) == taken - 1
        with changed:  # as many are found as may wait, and not one more is begun
            assert changed.wait_for(lambda: len(begun) >= taken + waiting, timeout=10)  # noqa: B023 - called here
            assert not changed.wait_for(lambda: len(begun) > taken + waiting, timeout=0.02)  # noqa: B023 - as above
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


def test_threads_are_interrupted_before_they_are_waited_for() -> None:
    interrupted = threading.Event()

    def answers(thing: int) -> Iterator[int]:
        yield thing
        interrupted.wait(timeout=30)

    before = threading.active_count()
    outcomes = in_order(range(10), answers, workers=2, interrupt=interrupted.set)
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]  # as above
    assert interrupted.is_set()
    assert threading.active_count() == before


def test_a_reader_that_stands_still_does_not_keep_the_interpreter() -> None:
    code = (
        "from vidgauge.datasets.prefetch import in_order\n"
        "outcomes = in_order(range(100), lambda thing: range(100), workers=2)\n"
        "assert next(outcomes) == 0"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True, timeout=60)
