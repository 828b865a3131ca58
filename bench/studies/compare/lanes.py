"""Jobs side by side: as many processes as there are cores, each on one thread.

Two small networks, each on one core, get further in a minute than one after the other on both. On a GPU, and where
there is one core, jobs run one after the other in this process.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Self

from vidgauge.errors import VidgaugeError
from vidgauge.limits import die_with_parent

MOST = 8
"""Processes: each holds a copy of torch."""
Tell = Callable[[float, str], None]
"""Told what share of something is done, and what is being done."""
Job = Callable[[Tell], Any]
"""Something that can be pickled, as its result."""


class TimeUpError(Exception):
    """The time for this call is over; what is done is kept, and the same call goes on."""


def part(tell: Tell, number: int, count: int) -> Tell:
    """For one of several things that are done one after the other, alike in length."""
    return lambda share, what: tell((number + share) / count, what)


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Lanes:
    """Processes that take jobs.

    Args:
        count: how many; one is this process itself.
        deadline: on the monotonic clock, after which jobs end by ``TimeUpError`` as soon as they tell something.
    """

    def __init__(self, count: int, deadline: float) -> None:
        self.count, self._deadline = count, deadline
        self._lanes: list[tuple[BaseProcess, Connection]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process, connection in self._lanes:
            connection.close()
            process.terminate()
        for process, _ in self._lanes:
            process.join()

    def finish(self, jobs: Sequence[Job], tell: Tell) -> None:
        """Do all jobs whose results are files; as ``run``."""
        for _ in self.run(jobs, tell):
            pass

    def run(self, jobs: Sequence[Job], tell: Tell) -> Iterator[tuple[int, Any]]:
        """Do all jobs; gives the number and the result of each as it is done.

        Args:
            jobs: in the order in which they begin.
            tell: told what share of all is done, and what is being done.

        Raises:
            TimeUpError: at the deadline.
            VidgaugeError: where a process ended by itself; whatever else a job raised.
        """
        if self.count == 1:
            for number, job in enumerate(jobs):
                self._look_at_the_clock()
                yield number, job(self._with_the_clock(part(tell, number, len(jobs))))
            return
        yield from self._side_by_side(jobs, tell)

    def _with_the_clock(self, tell: Tell) -> Tell:
        def told(share: float, what: str) -> None:
            tell(share, what)
            self._look_at_the_clock()

        return told

    def _look_at_the_clock(self) -> None:
        if time.monotonic() > self._deadline:
            raise TimeUpError

    def _side_by_side(self, jobs: Sequence[Job], tell: Tell) -> Iterator[tuple[int, Any]]:
        while len(self._lanes) < min(self.count, len(jobs)):
            self._lanes.append(_start(self._deadline))
        waiting, shares = list(enumerate(jobs))[::-1], [0.0] * len(jobs)
        at: dict[Connection, int] = {}

        def hand(connection: Connection) -> None:
            self._look_at_the_clock()
            number, job = waiting.pop()
            at[connection] = number
            connection.send(job)

        for _, connection in self._lanes[: len(jobs)]:
            hand(connection)
        while at:
            for ready in wait(list(at)):
                assert isinstance(ready, Connection)
                number = at[ready]
                kind, value = _received(ready)
                if kind == "told":
                    shares[number], what = value
                    tell(sum(shares) / len(jobs), what)
                elif kind == "failed":
                    raise value
                else:
                    del at[ready]
                    shares[number] = 1.0
                    if waiting:
                        hand(ready)
                    yield number, value


def _start(deadline: float) -> tuple[BaseProcess, Connection]:
    context = multiprocessing.get_context("spawn")  # torch's threads do not outlive a fork
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, deadline), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def _received(connection: Connection) -> tuple[str, Any]:
    try:
        kind, value = connection.recv()
    except (EOFError, ConnectionResetError):
        raise VidgaugeError(
            "a process of this comparison was ended, by want of memory or by hand; give the same command again, "
            "which goes on"
        ) from None
    return kind, value


def _work(connection: Connection, deadline: float) -> None:
    """What a lane does: a job in, what it tells and its result out, until the other end is gone."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    import torch

    torch.set_num_threads(1)

    def tell(share: float, what: str) -> None:
        connection.send(("told", (share, what)))
        if time.monotonic() > deadline:
            raise TimeUpError

    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            job: Job = connection.recv()
            try:
                connection.send(("done", job(tell)))
            except (EOFError, BrokenPipeError, ConnectionResetError):
                raise
            except Exception as error:  # noqa: BLE001 - handed to who asked
                connection.send(("failed", error))
