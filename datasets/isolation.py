"""Files are decoded in processes of their own, so that what a file does to its decoder happens to that file alone.

A decoder that crashes, hangs, or takes all memory is replaced, and the file becomes a VideoError that says so. The
processes are commands of their own and not multiprocessing's, which would import the caller's main module again.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vidgauge.datasets.decoding_jobs import Job, carefully, memory_of
from vidgauge.datasets.decoding_worker import END, ERROR, HEADER, ITEM
from vidgauge.datasets.errors import VideoError
from vidgauge.datasets.prefetch import in_order
from vidgauge.environment import processors
from vidgauge.errors import VidgaugeError

if sys.platform != "win32":
    import fcntl

AVAILABLE = sys.platform != "win32"
"""Whether there can be such processes: Windows has no way to wait for a pipe."""

PATIENCE = 120.0
"""Seconds a decoder may take until its next frame, and one more for each megabyte of the file: to come to a frame, all
since the last key frame have to be decoded, which may be the whole file."""

_STARTUP_SECONDS = 120.0
_MOST_WORKERS = 8
_COMMAND = [sys.executable, "-P", "-m", "vidgauge.datasets.decoding_worker"]  # -P: no folder beside us is imported
_NONSENSE = "confuses its decoder, which answers with nonsense"
_LONGEST = 2**26  # bytes of JSON in one message
_PIPE_BYTES = 2**20  # as much as Linux gives to everyone: a frame crosses in a few steps

T = TypeVar("T")
R = TypeVar("R")
Place = Callable[[tuple[int, ...], str], NDArray[Any]]
"""Where the array comes that has this shape and data type."""


def default_workers() -> int:
    """As many decoder processes as there are processors, up to 8."""
    return min(_MOST_WORKERS, processors())


class Run(Protocol):
    """Does a job with a file; the items are the same wherever it is done."""

    def __call__(self, job: Job, path: Path, *arguments: Any, place: Place = np.empty) -> Iterator[Any]:  # noqa: ANN401
        """The job's items; its arrays arrive in what ``place`` gives."""


def run_here(job: Job, path: Path, *arguments: Any, place: Place = np.empty) -> Iterator[Any]:  # noqa: ANN401 - the job's
    """Do a job in this process."""
    for item in carefully(job, path, *arguments):
        memory = memory_of(item)
        if memory is None:
            yield item
        else:
            placed = place(memory.shape or (), memory.format)
            placed[...] = memory
            del item, memory  # or they would be held while the next is made
            yield placed


class Workers:
    """A decoder process for each thread that asks for one, which the system ends with that thread."""

    def __init__(self) -> None:
        self._mine = threading.local()
        self._all: list[_Worker] = []
        self._lock = threading.Lock()
        self._closed = False

    def run(self, job: Job, path: Path, *arguments: Any, place: Place = np.empty) -> Iterator[Any]:  # noqa: ANN401
        """Do a job in this thread's process, a new one if the last was lost or left in the middle of a job."""
        worker: _Worker | None = getattr(self._mine, "worker", None)
        if worker is None or worker.has_ended():  # between two files, which is the fault of neither
            worker = self._start()
        self._mine.worker = None
        try:
            yield from worker.run(job, path, arguments, place)
        except _Lost as lost:
            raise VideoError(path, str(lost)) from None
        finally:
            if worker.idle:
                self._mine.worker = worker
            else:  # lost, or its reader lost interest
                worker.close()

    def interrupt(self) -> None:
        """End all processes; threads that wait for one find that it is lost."""
        with self._lock:
            self._closed = True
            for worker in self._all:
                worker.kill()

    def close(self) -> None:
        """End all processes, when no thread waits for one any more."""
        self.interrupt()
        for worker in self._all:
            worker.close()

    def _start(self) -> "_Worker":
        with self._lock:
            if self._closed:
                raise VidgaugeError("decoding was stopped")
            self._all = [worker for worker in self._all if not worker.closed]
            try:
                self._all.append(_Worker())
            except OSError as error:
                raise VidgaugeError(f"no process for decoding can be started: {error}") from error
            return self._all[-1]


def examine(
    paths: Iterable[Path], job: Callable[[Path], Iterator[Any]], workers: int
) -> Iterator[tuple[list[Any], VideoError | None]]:
    """Do a job with many files, and give what it says of each in their order.

    Args:
        paths: the files.
        job: a function at the top of a module that imports no torch. It takes a path and yields JSON values; each
            shows that it has not stopped, so it should yield at least one a frame.
        workers: decoder processes; 0 does it in this one.

    Returns:
        For each file all values, and the error that ended them, if one did.
    """

    def answer(run: Run, path: Path) -> Iterator[tuple[list[Any], VideoError | None]]:
        items: list[Any] = []
        try:
            items.extend(run(job, path))
        except VideoError as error:
            yield items, error
        else:
            yield items, None

    return isolated(paths, answer, workers)


def isolated(
    things: Iterable[T],
    answers: Callable[[Run, T], Iterable[R]],
    workers: int,
    weigh: Callable[[R], int] = lambda _: 0,
) -> Iterator[R]:
    """``in_order``, where each thread has a decoder process, with which ``answers`` can run jobs; 0 has none."""
    if workers == 0 or not AVAILABLE:
        yield from in_order(things, partial(answers, run_here), workers, weigh)
        return
    processes = Workers()
    try:
        yield from in_order(things, partial(answers, processes.run), workers, weigh, processes.interrupt)
    finally:
        processes.close()


class _Lost(Exception):  # noqa: N818 - it says what became of the process
    """The process is gone or of no more use, for the reason that it gives."""


class _Worker:
    """One process."""

    def __init__(self) -> None:
        self._errors = TemporaryFile()  # noqa: SIM115 - it is open as long as we are
        self._process = subprocess.Popen(  # noqa: S603 - fixed words only
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},  # NumPy's threads would idle
            start_new_session=True,  # an interrupt is for us, and we end it
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._jobs, self._answers = self._process.stdin, self._process.stdout
        self._limit = _STARTUP_SECONDS
        self._ready = self.idle = self.closed = False
        self._poll = select.poll()
        self._poll.register(self._answers, select.POLLIN)
        with suppress(AttributeError, OSError):  # Linux alone can, and not beyond what its user may
            fcntl.fcntl(self._answers, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def run(self, job: Job, path: Path, arguments: tuple[Any, ...], place: Place) -> Iterator[Any]:
        """The job's items; ``_Lost`` if the process is, VideoError if the job ends with one."""
        self._await_start()
        self.idle = False
        asked = {"job": f"{job.__module__}:{job.__qualname__}", "path": str(path), "arguments": arguments}
        self._limit = PATIENCE + _bytes(path) / 1e6
        self._tell(json.dumps(asked).encode("ascii") + b"\n")
        while True:
            kind, content = self._message()
            self.idle = kind in (END, ERROR)
            if kind == END:
                return
            if kind == ERROR:
                raise VideoError(Path(content[0]), content[1])
            if kind == ITEM:
                yield content
            else:
                array = place(tuple(content["shape"]), content["dtype"])
                self._fill(array.reshape(-1).view(np.uint8).data)
                yield array

    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """End it, if it has not ended."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it and let go of its pipes, from which nobody may be reading."""
        self.kill()
        self.closed = True
        for file in (self._jobs, self._answers, self._errors):
            file.close()

    def _await_start(self) -> None:
        if self._ready:
            return
        try:
            self._message()
        except _Lost as lost:
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip().splitlines()
            raise VidgaugeError(f"no process for decoding can be started: {said[-1] if said else lost}") from None
        self._ready = True

    def _tell(self, line: bytes) -> None:
        view = memoryview(line)
        try:
            while view:
                view = view[self._jobs.write(view) or 0 :]
        except BrokenPipeError:
            raise _Lost(self._fate()) from None

    def _message(self) -> tuple[int, Any]:
        header = bytearray(HEADER.size)
        self._fill(memoryview(header))
        kind, length = HEADER.unpack(header)
        if kind > END or length > _LONGEST:
            raise _Lost(_NONSENSE)
        body = bytearray(length)
        self._fill(memoryview(body))
        try:
            return kind, json.loads(body)
        except ValueError:
            raise _Lost(_NONSENSE) from None

    def _fill(self, view: memoryview) -> None:
        while view:
            if not self._poll.poll(1000 * self._limit):
                raise _Lost(f"was given up: its decoder gave nothing for {self._limit:.0f} s")
            count = self._answers.readinto(view)  # type: ignore[attr-defined]  # not buffered, so a RawIOBase
            if not count:
                raise _Lost(self._fate())
            view = view[count:]

    def _fate(self) -> str:
        try:
            status = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:  # it has closed the pipe and goes on
            raise _Lost(_NONSENSE) from None
        if status == -signal.SIGKILL:
            return "was given up: its decoder was killed (SIGKILL), as the system does where memory runs out"
        if status < 0:
            return f"crashes its decoder ({signal.Signals(-status).name})"
        return f"ends its decoder (exit status {status})"


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
