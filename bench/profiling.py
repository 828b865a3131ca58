"""Profile the layers and systems of a suite: one worker process for each part, six or seven records a variant."""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, groupby
from pathlib import Path

import torch

from vidgauge.bench.budget import Budget
from vidgauge.bench.case_records import Maker, PartRecords
from vidgauge.bench.crossover import crossover_records
from vidgauge.bench.fork_server import ForkServer
from vidgauge.bench.largest import largest_records, skipped_records
from vidgauge.bench.launch import Outcome, run_case
from vidgauge.bench.messages import Failed, Job, Step
from vidgauge.bench.parts import Part, check_parts, parts
from vidgauge.bench.predictions import prediction_records
from vidgauge.bench.processes import Start
from vidgauge.bench.resume import Earlier, find_earlier, placed
from vidgauge.bench.run_ceilings import RunCeilings, When
from vidgauge.bench.suite import Case, Device, Dtype, Suite, Variant, read_suite
from vidgauge.bench.suites import SUITES
from vidgauge.bench.system_cases import with_systems
from vidgauge.bench.timing.clocks import ClockName
from vidgauge.environment import Environment
from vidgauge.errors import UsageError
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Record
from vidgauge.store import Store

Progress = Callable[[float, float, str], None]
"""Told how many seconds of time budget are done, of how many, and what comes next."""


def profile(
    suite: str | Suite,
    store: Store | None = None,
    progress: Progress | None = None,
    seed: int = 0,
    threads: int | None = None,
    *,
    device: Device = "cpu",
    clock: ClockName | None = None,
    budget: float | None = None,
    memory_limit: float | None = None,
    resume: bool = False,
) -> list[Record]:
    """Measure latency, throughput, peak memory, FLOPs and parameters of every layer and system in a suite.

    Each case at each dtype, direction and shape runs in a process of its own. A layer that raises, crashes, hangs or
    runs out of memory gives records with that status, and the others are measured without it.

    Args:
        suite: a suite, its name, or the path of a TOML file.
        store: where each record goes as it arrives, so that an interrupted run loses no finished case.
        progress: told how far it is.
        seed: of weights, inputs, the rounds' orders and the bootstrap.
        threads: inside one operator; the suite's choice unless given, and torch's default where it makes none.
        device: where the layers run.
        clock: what tells the time; the suite's choice unless given, and where it makes none, the wall clock on a CPU
            and CUDA events on a GPU.
        budget: seconds for all of it, the suite's choice unless given. Cases go in order; what does not fit any more
            becomes skipped records.
        memory_limit: GiB that a worker on a CPU may take beyond what it starts with; the suite's choice unless given.
        resume: go on with the latest unfinished run of the same suite, seed, threads, device, clock and limit in the
            same environment in the store, if there is one: what it has finished is not measured again.

    Returns:
        the records of the whole run: latency, ratio_to_baseline, throughput, peak_memory, flops, parameters and, where
        something compiles, compile_time of each variant; the crossovers of sweeps; the largest extents; where the
        suite asks for them, the ceilings of the device at the start, in the middle and at the end, and from these
        predicted_time and efficiency of each variant.

    Raises:
        UsageError: where the suite, one of its layers or systems or a layer's arguments do not exist, or there is no
            such device.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads is {threads}; it must be at least 1")
    if budget is not None and budget <= 0:
        raise UsageError(f"the budget is {budget} s; it must be above 0")
    if memory_limit is not None and memory_limit <= 0:
        raise UsageError(f"the memory limit is {memory_limit} GiB; it must be above 0")
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("there is no CUDA device here; profile on the CPU with --device cpu")
    suite = _as_asked(find_suite(suite), device, clock, memory_limit)
    planned = list(parts(suite))
    check_parts(suite, planned)
    threads = threads or suite.threads or torch.get_num_threads()
    environment = Environment(**Environment.capture().model_dump() | {"threads": threads})
    records = []
    with ForkServer() as workers:
        budgeted = Budget(budget or suite.budget)
        session = _Session(suite, device, seed, threads, environment, budgeted, progress, workers.start)
        session.total = sum(part.seconds for part in planned)
        if resume and store is not None:
            session.go_on(find_earlier(store, session.ask, environment.fingerprint), planned)
        for record, is_new in session.records(planned):
            records.append(record)
            if is_new and store is not None:
                store.add(record, environment)
    session.tell(0.0, "done")
    return records


def find_suite(suite: str | Suite) -> Suite:
    """A suite by its name, or from the path of a TOML file; with cases for the systems that it asks for.

    Raises:
        UsageError: where there is no such suite, or no such system.
    """
    if isinstance(suite, str):
        suite = read_suite(Path(suite)) if suite.endswith(".toml") else SUITES[suite]
    return with_systems(suite)


def _as_asked(suite: Suite, device: Device, clock: ClockName | None, memory_limit: float | None) -> Suite:
    """The suite with what the user chose in its place."""
    if clock is None and "clock" not in suite.timing.model_fields_set and device == "cuda":
        clock = "cuda_events"
    timing = suite.timing if clock is None else suite.timing.model_copy(update={"clock": clock})
    if timing.clock.startswith("cuda") and device == "cpu":
        raise UsageError(f"clock {timing.clock!r} is for a GPU; take 'wall' or 'cpu'")
    return suite.model_copy(update={"timing": timing, "memory_limit": memory_limit or suite.memory_limit})


@dataclass
class _Session:
    """One run over a suite."""

    suite: Suite
    device: Device
    seed: int
    threads: int
    environment: Environment
    budget: Budget
    progress: Progress | None
    start: Start
    """How workers are started."""
    run: str = field(default_factory=lambda: uuid.uuid4().hex)
    finished: dict[str, list[Record]] = field(default_factory=dict)
    """Parts of an earlier start of this run, by key."""
    found: dict[str, list[Record]] = field(default_factory=dict)
    """Parts so far, by key."""
    best: RunCeilings | None = None
    """The ceilings, where the suite asks for them."""
    done: float = 0.0
    total: float = 0.0

    @property
    def ask(self) -> str:
        """Fingerprint of what the run was asked for."""
        return fingerprint([self.suite.model_dump(mode="json"), self.device, self.seed, self.threads])

    def key(self, part: Part) -> str:
        """Fingerprint of what a part is."""
        case = part.case.largest.model_dump() if part.case.largest else None
        return fingerprint([part.case.name, self.job(part).model_dump(mode="json"), case])

    def go_on(self, earlier: Earlier | None, planned: list[Part]) -> None:
        """Take over an earlier start, unless there is nothing left of it to do."""
        if earlier is not None and not self._is_whole(earlier, planned):
            self.run, self.finished = earlier.run, earlier.parts

    def records(self, planned: list[Part]) -> Iterator[tuple[Record, bool]]:
        """All records of the run, and whether each is new: ceilings around and amid the cases, predictions last."""
        dtypes = self._dtypes(planned)
        if self.suite.ceilings is not None and dtypes:
            self.best = RunCeilings(self.device, dtypes, self.threads, self.suite.ceilings, self.seed)
        yield from self._ceilings("start")
        yield from self._cases(planned)
        yield from self._ceilings("end")
        yield from self._predictions(planned)

    def _ceilings(self, when: When) -> Iterator[tuple[Record, bool]]:
        """What the device reaches at best, where the suite asks for it."""
        if self.best is None:
            return
        key = fingerprint(["ceilings", when])
        known = self.finished.get(key)
        if known is not None:
            self.best.recall(when, known)
        elif when != "start" and self.budget.refuses(len(self.best.dtypes)):
            return
        self.tell(0.0, f"ceilings, {when}")
        found = known or placed(self.best.measure(when, self.environment, self.run), self.ask, key)
        yield from ((record, known is None) for record in found)

    def _dtypes(self, planned: list[Part]) -> list[Dtype]:
        """Those that are timed on the device, in the suite's order."""
        wanted = (part.dtype for part in planned if self.device in part.case.devices and not part.case.largest)
        return [dtype for dtype in dict.fromkeys(wanted) if self.device == "cuda" or dtype != "tf32"]

    def _predictions(self, planned: list[Part]) -> Iterator[tuple[Record, bool]]:
        """What each variant would take on the ceilings: at the end, since the largest of all count."""
        for part in planned:
            if self.best is None or part.case.largest:
                continue
            of_part = self.key(part)
            key = _prediction_key(of_part)
            known = self.finished.get(key) if of_part in self.finished else None
            made = prediction_records(self.found[of_part], part.case.baseline, self.best.everything)
            found = known or placed(list(made), self.ask, key)
            yield from ((record, known is None) for record in found)

    def _cases(self, planned: list[Part]) -> Iterator[tuple[Record, bool]]:
        for case, of_case in groupby(planned, key=lambda part: part.case):
            records: list[Record] = []
            changed = False
            for part in of_case:
                key = self.key(part)
                known = self.finished.get(key)
                found = placed(list(self._measure(part)), self.ask, key) if known is None else known
                records, changed = records + found, changed or known is None
                self.found[key] = found
                yield from ((record, known is None) for record in found)
                was, self.done = self.done, self.done + part.seconds
                if was < self.total / 2 <= self.done < self.total:
                    yield from self._ceilings("middle")
            key = _crossover_key(case)
            known = None if changed else self.finished.get(key)
            found = placed(list(crossover_records(records)), self.ask, key) if known is None else known
            yield from ((record, known is None) for record in found)

    def tell(self, seconds: float, what: str) -> None:
        """Report how far it is."""
        if self.progress is not None:
            self.progress(min(self.done + seconds, self.total), self.total, what)

    def job(self, part: Part) -> Job:
        """What the worker of a part is asked for."""
        return part.job(self.suite, device=self.device, threads=self.threads, seed=self.seed)

    def _measure(self, part: Part) -> Iterator[Record]:
        maker = Maker(self.suite, part, self.job(part), self.environment, self.run)
        reason = self._why_not(part)
        if reason:
            skipped = Failed(variant="", status="skipped", reason=reason)
            outcome = Outcome(failed={variant.name: skipped for variant in part.variants})
            yield from skipped_records(maker, reason) if part.case.largest else PartRecords(maker, outcome)
            return
        began = time.monotonic()
        title = f"{part.case.name} {part.dtype} {part.direction} {'x'.join(map(str, part.shape))}"

        def on_step(step: Step) -> None:
            self.tell(step.fraction * part.seconds, f"{title} {step.variant}: {step.doing}")

        def on_try(variant: Variant, extent: int) -> None:
            self.tell(0.0, f"{title} {variant.name}: {extent}")

        if part.case.largest:
            yield from largest_records(maker, self.suite.timeout, on_try, self.start)
        else:
            outcome = run_case(maker.job, self.suite.timeout, on_step, self.budget.deadline, self.start)
            yield from PartRecords(maker, outcome)
        self.budget.took(part.seconds, time.monotonic() - began)

    def _why_not(self, part: Part) -> str:
        """Why a part is skipped; nothing if it is not."""
        if reason := part.why_not(self.device):
            return reason
        if self.suite.timing.clock == "cuda_graph" and part.direction == "backward":
            return "a CUDA graph cannot be replayed where each call needs a forward pass before it"
        return self.budget.refuses(part.seconds)

    def _is_whole(self, earlier: Earlier, planned: list[Part]) -> bool:
        for case, of_case in groupby(planned, key=lambda part: part.case):
            keys = [self.key(part) for part in of_case]
            found = [earlier.parts.get(key) for key in keys]
            unpredicted = self.suite.ceilings is None or case.largest or not self._dtypes(planned)
            if None in found or not (unpredicted or all(_prediction_key(key) in earlier.parts for key in keys)):
                return False
            wanted = list(crossover_records(chain.from_iterable(filter(None, found))))
            if len(wanted) != len(earlier.parts.get(_crossover_key(case), [])):
                return False
        return True


def _prediction_key(part: str) -> str:
    return fingerprint(["predictions", part])


def _crossover_key(case: Case) -> str:
    return fingerprint(["crossovers", case.model_dump(mode="json")])
