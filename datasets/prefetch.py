"""Work on many things at once, answers in order, memory bounded."""

import atexit
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 4
"""Answers that wait for their turn, for each thing in work."""
AHEAD_BYTES = 2**26
"""Bytes of answers that wait for their turn, for each thing in work, unless it is one answer alone."""


def in_order(
    things: Iterable[T],
    answers: Callable[[T], Iterable[R]],
    workers: int,
    weigh: Callable[[R], int] = lambda _: 0,
    interrupt: Callable[[], None] = lambda: None,
) -> Iterator[R]:
    """All answers about the first thing, then about the second, and so on; ``workers`` threads find them.

    The same as asking about one after another, which is what 0 workers do. At most twice as many things as workers are
    in work. For each, answers are found ahead of their turn until 4 of them or 64 MiB wait; the next is taken to weigh
    what the last did, and not begun where there is no room for it. An exception is raised when its turn comes.

    Args:
        things: what is asked about.
        answers: gives the answers about one of them; called in the threads.
        workers: how many threads.
        weigh: bytes that an answer holds.
        interrupt: called when no more answers are wanted, before the threads are waited for.
    """
    if workers == 0:
        yield from chain.from_iterable(map(answers, things))
        return
    crew = _Crew(answers, weigh, interrupt)
    lanes: deque[_Lane[R]] = deque()
    atexit.register(crew.stop)  # for a reader that is still there when the interpreter ends: later, threads stand still
    try:
        for thing in things:
            lanes.append(crew.begin(thing, workers))
            if len(lanes) == 2 * workers:
                yield from lanes.popleft()
        while lanes:
            yield from lanes.popleft()
    finally:  # also when the reader loses interest
        crew.stop()
        atexit.unregister(crew.stop)


@dataclass(frozen=True)
class _End:
    """No more answers about this thing, because of an error if there is one."""

    error: BaseException | None = None


class _Lane(Generic[R]):
    """Answers about one thing, from the thread that finds them to the one that reads them."""

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._waiting: deque[tuple[R | _End, int]] = deque()
        self._stopped = False

    def put(self, answer: R, weight: int) -> bool:
        """Hand in an answer, and wait until there is room for another like it; False if no more are wanted."""
        self._append(answer, weight)
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._has_room(weight))
            return not self._stopped

    def end(self, error: BaseException | None = None) -> None:
        """Hand in that there are no more."""
        self._append(_End(error), 0)

    def stop(self) -> None:
        """No more answers are wanted."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[R]:
        while True:
            item = self._take()
            if not isinstance(item, _End):
                yield item
                del item  # or it would be held while the next is waited for
            elif item.error is not None:
                raise item.error
            else:
                return

    def _append(self, item: R | _End, weight: int) -> None:
        with self._changed:
            self._waiting.append((item, weight))
            self._changed.notify_all()

    def _take(self) -> R | _End:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            item, _ = self._waiting.popleft()
            self._changed.notify_all()
            return item

    def _has_room(self, weight: int) -> bool:
        held = sum(each for _, each in self._waiting)
        return not self._waiting or (len(self._waiting) < AHEAD and held + weight <= AHEAD_BYTES)


class _Crew(Generic[T, R]):
    """Threads that find answers. They do not keep the interpreter from ending, as those of an executor would."""

    def __init__(
        self, answers: Callable[[T], Iterable[R]], weigh: Callable[[R], int], interrupt: Callable[[], None]
    ) -> None:
        self._answers, self._weigh, self._interrupt = answers, weigh, interrupt
        self._changed = threading.Condition()
        self._lanes: list[_Lane[R]] = []
        self._threads: list[threading.Thread] = []
        # Things are begun in order, so the one whose turn it is has always been begun: no waiting in circles.
        self._tasks: SimpleQueue[tuple[T, _Lane[R]] | None] = SimpleQueue()

    def begin(self, thing: T, workers: int) -> "_Lane[R]":
        """The lane in which the answers about a thing will come."""
        lane: _Lane[R] = _Lane(self._changed)
        self._lanes = [*self._lanes[1 - 2 * workers :], lane]  # all that can still be in work
        self._tasks.put((thing, lane))
        if len(self._threads) < workers:
            self._threads.append(threading.Thread(target=self._work, name="vidgauge-prefetch", daemon=True))
            self._threads[-1].start()
        return lane

    def stop(self) -> None:
        """Have all threads end, and wait for that."""
        for lane in self._lanes:
            lane.stop()
        self._interrupt()
        while not self._tasks.empty():
            self._tasks.get()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            thing, lane = task
            try:
                for answer in self._answers(thing):
                    wanted = lane.put(answer, self._weigh(answer))
                    del answer
                    if not wanted:
                        break
                else:
                    lane.end()
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where the answers are read
                lane.end(error)
