"""Work on many things at once, answers in order, memory bounded."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from queue import Full, Queue
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 4  # answers that wait for their turn, for each thing in work
_PATIENCE = 0.1  # seconds after which a waiting thread looks whether anyone still wants its answer


@dataclass(frozen=True)
class _End:
    """No more answers about this thing, because of an error if there is one."""

    error: BaseException | None = None


def in_order(things: Iterable[T], answers: Callable[[T], Iterable[R]], workers: int) -> Iterator[R]:
    """All answers about the first thing, then about the second, and so on; ``workers`` threads find them.

    The same as asking about one after another, which is what 0 workers do. At most twice as many things as workers are
    in work, with 4 answers waiting for each. An exception is raised when its turn comes.
    """
    if workers == 0:
        yield from chain.from_iterable(map(answers, things))
        return
    stop = threading.Event()
    lanes: deque[Queue[R | _End]] = deque()
    executor = ThreadPoolExecutor(workers)
    try:
        # The pool starts things in order, so the one whose turn it is has always been started: no waiting in circles.
        for thing in things:
            lanes.append(Queue(_AHEAD))
            executor.submit(_fill, lanes[-1], answers, thing, stop)
            if len(lanes) == 2 * workers:
                yield from _drain(lanes.popleft())
        while lanes:
            yield from _drain(lanes.popleft())
    finally:  # also when the reader loses interest
        stop.set()
        executor.shutdown(cancel_futures=True)


def _fill(lane: Queue[R | _End], answers: Callable[[T], Iterable[R]], thing: T, stop: threading.Event) -> None:
    try:
        for answer in answers(thing):
            if not _put(lane, answer, stop):
                return
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where the answers are read
        _put(lane, _End(error), stop)
    else:
        _put(lane, _End(), stop)


def _put(lane: Queue[R | _End], item: R | _End, stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            lane.put(item, timeout=_PATIENCE)
        except Full:
            continue
        return True
    return False


def _drain(lane: Queue[R | _End]) -> Iterator[R]:
    while True:
        item = lane.get()
        if not isinstance(item, _End):
            yield item
        elif item.error is not None:
            raise item.error
        else:
            return
