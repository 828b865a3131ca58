"""Timing tools against themselves: how often each sees a difference that is not there, and how often one that is."""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from vidgauge.bench.contests import CONTESTS, Announce, LongContest, Sitting
from vidgauge.bench.contests.load import busy, load_average
from vidgauge.bench.contests.rivals import RIVALS, BrokenError, MissingError, judge, version
from vidgauge.bench.contests.timing_plan import Block, Cell, Part, in_order, plan
from vidgauge.bench.contests.timing_summary import TRIALS, summarise
from vidgauge.bench.contests.work import SIDE, Call, loops_for, matrix_loop, slowed
from vidgauge.environment import Environment, processors
from vidgauge.fingerprint import fingerprint
from vidgauge.record import ProtocolRef, Record, Subject

_REVISION = 2
"""Raised where trials are run in another way, so that old ones are not mixed with new ones."""


def timing(environment: Environment, announce: Announce, sitting: Sitting) -> Iterator[Record]:
    """False and missed differences of our timing, torch.utils.benchmark, pytest-benchmark and asv, free and loaded."""
    done = {_key(record) for record in sitting.earlier if record.environment == environment.fingerprint}
    left = [block for block in in_order(plan()) if fingerprint(_identity(block)) not in done]
    loops = _loops_of(sitting.earlier, environment)
    run, start, limit = uuid.uuid4().hex, time.monotonic(), (sitting.minutes or float("inf")) * 60
    whole = min(limit, sum(_expected(block) for block in left)) or 1.0
    spent = 0.0
    with _one_thread():
        for block in left:
            if spent > 0 and time.monotonic() - start + _expected(block) > limit:
                break

            def tell(trial: int, block: Block = block, before: float = spent) -> None:
                announce(min(1.0, (before + trial * block.part.expected_seconds) / whole), _in_words(block.part))

            cell = block.part.cell
            if cell.call not in loops:
                loops[cell.call] = loops_for(cell.call_seconds)
            yield _record(block, _play(block, loops[cell.call], tell), environment, run)
            spent += _expected(block)
    announce(1.0, "done")


CONTESTS.register("timing")(LongContest(timing, summarise))


def _play(block: Block, loops: int, tell: Callable[[int], None]) -> dict[str, Any]:
    """All trials of a block, and what they were taken under."""
    part, load = block.part, load_average()
    first = matrix_loop(loops)
    second = first if part.percent == 0 else matrix_loop(slowed(loops, part.percent))
    versions, missing = _versions(part.tools)
    trials = []
    with busy(processors() if part.cell.condition == "loaded" else 0):
        for place, trial in enumerate(block.trials):
            tell(place)
            trials.append(_trial(part, trial, list(versions), first, second))
    return {"trials": trials, "loops": loops, "load_average_before": load, "versions": versions, "missing": missing}


def _trial(part: Part, trial: int, tools: list[str], first: Call, second: Call) -> dict[str, Any]:
    """Every tool once, in an order of this trial's own."""
    seed = int(fingerprint([asdict(part.cell), part.percent, part.budget_seconds, trial]), 16) % 2**32
    order = [tools[index] for index in np.random.default_rng(seed).permutation(len(tools))]
    found: dict[str, Any] = {}
    for tool in order:
        start = time.perf_counter()
        try:
            claims = judge(tool, first, second, part.budget_seconds, part.cell.clock, seed)
        except BrokenError as error:
            found |= {row: {"failed": str(error)} for row in RIVALS[tool].rows}
            continue
        seconds = round(time.perf_counter() - start, 3)
        for row, claim in claims.items():
            overhead = {} if claim.overhead is None else {"overhead": round(claim.overhead, 5)}
            found[row] = {
                "ratio": round(claim.ratio, 6),
                "verdict": str(claim.verdict),
                "seconds": seconds,
            } | overhead
    return {"trial": trial, "seed": seed, "order": order, "found": found}


def _versions(tools: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Of the tools that are installed; and why others are left out, by row of the table."""
    versions: dict[str, str] = {}
    missing: dict[str, str] = {}
    for tool in tools:
        try:
            versions[tool] = version(RIVALS[tool])
        except MissingError as error:
            missing |= dict.fromkeys(RIVALS[tool].rows, str(error))
    return versions, missing


def _record(block: Block, details: dict[str, Any], environment: Environment, run: str) -> Record:
    identity = _identity(block)
    return Record(
        subject=Subject(kind="trials", name=_in_words(block.part), config=identity),
        measure=TRIALS,
        protocol=ProtocolRef(name="timing.trials", fingerprint=fingerprint(identity)),
        environment=environment.fingerprint,
        code=environment.code,
        run=run,
        value=float(len(block.trials)),
        no_interval="counted",
        n=len(block.trials),
        details=details,
    )


def _identity(block: Block) -> dict[str, Any]:
    """What makes two blocks the same one."""
    part = block.part
    return {
        "contest": "timing",
        "revision": _REVISION,
        **asdict(part.cell),
        "call": part.cell.call,
        "percent": part.percent,
        "tools": list(part.tools),
        "budget_seconds": part.budget_seconds,
        "trials": list(block.trials),
        "threads": 1,
        "work": f"torch.mm of {SIDE} x {SIDE} float32, repeated",
    }


def _key(record: Record) -> str:
    return record.protocol.fingerprint


def _loops_of(earlier: Iterable[Record], environment: Environment) -> dict[str, int]:
    """What earlier sittings found to take as long as the calls shall: all trials are of the same calls."""
    return {
        record.subject.config["call"]: record.details["loops"]
        for record in earlier
        if record.protocol.name == "timing.trials" and record.environment == environment.fingerprint
    }


def _expected(block: Block) -> float:
    return len(block.trials) * block.part.expected_seconds


def _in_words(part: Part) -> str:
    cell: Cell = part.cell
    what = "identical calls" if part.percent == 0 else f"{part.percent} % slower"
    return f"{what}, {cell.call}, {cell.condition}, {part.budget_seconds:g} s, {len(part.tools)} tools"


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
