"""Start a case's workers, listen to them, and start them again without a variant that raised, crashed or hung."""

import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO

from vidgauge.bench.budget import CUT
from vidgauge.bench.messages import MESSAGE, Built, Done, Failed, Job, Message, Probed, Step, Timed, Weighed
from vidgauge.bench.processes import Process, Start, spawn

_STARTUP_SECONDS = 300.0
"""Until the first message: importing torch from a cold disk takes a while."""


@dataclass
class Outcome:
    """All that became known of a case, by variant."""

    built: dict[str, Built] = field(default_factory=dict)
    probed: dict[str, Probed] = field(default_factory=dict)
    weighed: dict[str, Weighed] = field(default_factory=dict)
    failed: dict[str, Failed] = field(default_factory=dict)
    unweighed: dict[str, Failed] = field(default_factory=dict)
    """Variants that have been timed, but whose memory could not be measured."""
    timed: Timed | None = None
    done: bool = False

    def learn(self, message: Message, names: list[str]) -> None:
        """Take in what a worker told that was to measure these variants."""
        match message:
            case Built():
                self.built[message.variant] = message
            case Probed():
                self.probed[message.variant] = message
            case Timed():
                self.timed = message
            case Weighed():
                self.weighed[message.variant] = message
            case Done():
                self.done = True
            case Failed():
                # A worker that died before its first step blames all variants alike.
                self.failed |= dict.fromkeys([message.variant] if message.variant else names, message)


def run_case(
    job: Job,
    timeout: float,
    on_step: Callable[[Step], None] = lambda _step: None,
    deadline: float | None = None,
    start: Start = spawn,
) -> Outcome:
    """Run a job in a process of its own until all variants that can be measured have been.

    What has been timed is weighed in another process: what timing leaves in the heap would change what a call seems
    to need, and what dies there has its times all the same.

    Args:
        job: what to measure.
        timeout: seconds after which one step of a variant is given up.
        on_step: told what is about to happen.
        deadline: when to stop whatever is under way, by ``time.monotonic``; what is not known by then is skipped.
        start: how workers on a CPU are started; one that uses a GPU is always spawned.
    """
    start = start if job.device == "cpu" else spawn
    with TemporaryDirectory(prefix="vidgauge-compiled-", ignore_cleanup_errors=True) as folder:
        cache = Path(folder) / "cache"
        outcome = _run(job, cache, timeout, on_step, deadline, start)
        timed = [variant for variant in job.variants if variant.name not in outcome.failed]
        if job.task == "time" and timed:
            weigh = job.model_copy(update={"task": "weigh", "variants": timed})
            found = _run(weigh, cache, timeout, on_step, deadline, start)
            outcome.weighed, outcome.unweighed = found.weighed, found.failed
    return outcome


def _run(
    job: Job, cache: Path, timeout: float, on_step: Callable[[Step], None], deadline: float | None, start: Start
) -> Outcome:
    """One task, by as many workers as it takes."""
    outcome, remaining = Outcome(), list(job.variants)
    while remaining and not outcome.done:
        names = [variant.name for variant in remaining]
        asked = job.model_copy(update={"variants": remaining})
        if job.task != "weigh":  # how long compiling takes is not to hang on an earlier worker
            rmtree(cache, ignore_errors=True)
        for message in _worker(asked, cache, timeout, deadline, start):
            if isinstance(message, Step):
                on_step(message)
            outcome.learn(message, names)
        known = outcome.failed.keys() | outcome.weighed.keys()
        remaining = [variant for variant in remaining if variant.name not in known]
    return outcome


def _worker(job: Job, cache: Path, timeout: float, deadline: float | None, start: Start) -> Iterator[Message]:
    """The messages of one worker; the last is always Done or Failed."""
    kills_before = _kernel_oom_kills()
    with (
        TemporaryFile("w+", encoding="utf-8") as task,
        TemporaryFile("w+", encoding="utf-8") as errors,
    ):
        task.write(job.model_dump_json())
        task.seek(0)
        process = start(_where_to_compile(job, cache), task, errors)
        try:
            yield from _listen(process, timeout, deadline, errors, kills_before)
        finally:
            process.end()


def _where_to_compile(job: Job, cache: Path) -> dict[str, str]:
    """Compile into a folder of the job's own, so that nothing hangs on earlier runs; on a CPU with its one process."""
    folders = {"TORCHINDUCTOR_CACHE_DIR": str(cache), "TRITON_CACHE_DIR": str(cache / "triton")}
    return folders | ({"TORCHINDUCTOR_COMPILE_THREADS": "1"} if job.device == "cpu" else {})


def _listen(
    process: Process, timeout: float, deadline: float | None, errors: IO[str], kills_before: int
) -> Iterator[Message]:
    lines = _lines(process.said)
    variant, doing, limit = "", "start", _STARTUP_SECONDS
    while True:
        left = limit if deadline is None else deadline - time.monotonic()
        try:
            line = lines.get(timeout=max(0.0, min(limit, left)))
        except queue.Empty:
            if left < limit:
                yield Failed(variant="", status="skipped", reason=f"{CUT} was spent before it was done")
            else:
                yield Failed(variant=variant, status="timeout", reason=f"{doing}: nothing happened for {limit:g} s")
            return
        if line is None:
            yield _obituary(process.wait(), variant, doing, errors, kills_before)
            return
        message = MESSAGE.validate_json(line)
        yield message
        if isinstance(message, Done | Failed):
            return
        limit = timeout
        if isinstance(message, Step):
            variant, doing = message.variant, message.doing


def _lines(stream: IO[str]) -> "queue.Queue[str | None]":
    """The worker's lines as they come, then None; a thread of its own waits for them."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        with stream:
            for line in stream:
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return lines


def _obituary(status: int, variant: str, doing: str, errors: IO[str], kills_before: int) -> Failed:
    errors.seek(0)
    last_words = errors.read().strip().splitlines()[-1:]
    if status >= 0:
        how = f"the worker ended with status {status}"
    else:
        how = f"the worker was killed by {signal.Signals(-status).name}"
    killed_for_memory = status == -signal.SIGKILL and _kernel_oom_kills() > kills_before
    out_of_memory = killed_for_memory or "bad_alloc" in " ".join(last_words)
    reason = ": ".join([doing, how, *last_words])
    return Failed(variant=variant, status="oom" if out_of_memory else "failed", reason=reason[:500])


def _kernel_oom_kills() -> int:
    """Processes that Linux has killed for want of memory since it started; 0 where it does not say."""
    try:
        counters = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    except OSError:
        return 0
    return int(counters.get("oom_kill", 0))
