"""Profile the layers of a suite: one worker process a case, six records a variant."""

import uuid
from collections.abc import Callable
from pathlib import Path

import torch

from vidgauge.bench.case_records import CaseRecords
from vidgauge.bench.launch import run_case
from vidgauge.bench.messages import Job, Step
from vidgauge.bench.suite import Case, Direction, Suite, read_suite
from vidgauge.bench.suites import SUITES
from vidgauge.environment import Environment
from vidgauge.errors import UsageError
from vidgauge.record import Record
from vidgauge.reference_models.layers import check
from vidgauge.store import Store

Progress = Callable[[float, float, str], None]
"""Told how many seconds of time budget are done, of how many, and what comes next."""


def profile(
    suite: str | Suite,
    store: Store | None = None,
    progress: Progress | None = None,
    seed: int = 0,
    threads: int | None = None,
) -> list[Record]:
    """Measure latency, throughput, peak memory, FLOPs and parameters of every layer in a suite.

    Each case at each batch in each direction runs in a process of its own. A layer that raises, crashes, hangs or runs
    out of memory gives records with that status, and the others are measured without it.

    Args:
        suite: a suite, its name, or the path of a TOML file.
        store: where each record goes as it arrives, so that an interrupted run loses no finished case.
        progress: told how far it is.
        seed: of weights, inputs, the rounds' orders and the bootstrap.
        threads: inside one operator; the suite's choice unless given, and torch's default where it makes none.

    Returns:
        the records: latency, ratio_to_baseline, throughput, peak_memory, flops and parameters of each variant.

    Raises:
        UsageError: where the suite, one of its layers or a layer's arguments do not exist, or there is no such device.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads is {threads}; it must be at least 1")
    suite = _find(suite)
    _check(suite)
    threads = threads or suite.threads or torch.get_num_threads()
    environment = Environment(**Environment.capture().model_dump() | {"threads": threads})
    run, records, done = uuid.uuid4().hex, list[Record](), 0.0
    total = sum(case.budget for case, _, _ in suite.runs())
    for case, batch, direction in suite.runs():

        def on_step(step: Step, case: Case = case, batch: int = batch, done: float = done) -> None:
            if progress is not None:
                what = f"{case.name} x{batch} {step.variant}: {step.doing}"
                progress(done + step.fraction * case.budget, total, what)

        job = _job(suite, case, batch, direction, seed, threads)
        outcome = run_case(job, suite.timeout, on_step)
        for record in CaseRecords(suite, case, job, outcome, environment, run):
            records.append(record)
            if store is not None:
                store.add(record, environment)
        done += case.budget
    if progress is not None:
        progress(total, total, "done")
    return records


def _find(suite: str | Suite) -> Suite:
    if isinstance(suite, Suite):
        return suite
    return read_suite(Path(suite)) if suite.endswith(".toml") else SUITES[suite]


def _check(suite: Suite) -> None:
    """Refuse a suite that asks for what is not there, before anything runs."""
    for case in suite.cases:
        for variant in case.variants:
            check(variant.layer, **variant.config)
        if case.device == "cuda" and not torch.cuda.is_available():
            raise UsageError(f"case {case.name!r} of suite {suite.name!r} needs a CUDA device, and there is none")


def _job(suite: Suite, case: Case, batch: int, direction: Direction, seed: int, threads: int) -> Job:
    return Job(
        variants=case.variants,
        baseline=case.baseline,
        shape=(batch, *case.shape),
        dtype=case.dtype,
        device=case.device,
        direction=direction,
        threads=threads,
        seed=seed,
        rule=suite.timing,
        budget=case.budget,
        memory_runs=suite.memory_runs,
    )
