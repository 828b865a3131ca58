"""How fast and how big the systems of a group are when they sample: one interleaved run of the profiler's machinery."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from vidgauge.bench.profiling import profile
from vidgauge.bench.studies.compare.known import Known, KnownSystems
from vidgauge.bench.studies.compare.lanes import Tell
from vidgauge.bench.studies.compare.recipe import Group, Recipe
from vidgauge.bench.studies.compare.records import Ledger, of_system, ours
from vidgauge.bench.suite import Case, Direction, Suite, Variant
from vidgauge.bench.timing.rounds import TimingRule
from vidgauge.record import Measure, Record
from vidgauge.store import Store

STREAMS = Measure(name="streams", unit="1", better="neither")
FIRST_FRAME = Measure(name="first_frame", unit="s", better="lower")
SAMPLING_FLOPS = Measure(name="sampling_flops", unit="FLOP", better="lower")
ROUNDS = 3
"""At least; a system's video takes seconds."""
TIMEOUT = 600.0
_RENAMED = {"latency": None, "peak_memory": None, "parameters": None, "flops": SAMPLING_FLOPS}
"""What is kept of a profile of sampling, and what it is called here."""


def profile_group(
    recipe: Recipe,
    group: Group,
    known: KnownSystems,
    profiles: Path,
    ledger: Ledger,
    device: str,
    tell: Tell,
) -> None:
    """Keep the records of a group's profile, unless they are there.

    Args:
        recipe: of the study.
        group: whose systems are measured, one video at a time and in turn.
        known: of all systems.
        profiles: the store of what is measured, from which an interrupted profile goes on.
        ledger: takes the records.
        device: where they run.
        tell: for progress.
    """
    unit = f"profile {group.name}"
    if ledger.has(unit):
        return
    place = torch.device(device).type
    with Store(profiles) as store:
        found = profile(
            suite(recipe, group, known),
            store,
            lambda done, total, what: tell(done / total, f"profile {what}"),
            device="cuda" if place == "cuda" else "cpu",
            resume=True,
        )
    records = [record for system in group.systems for record in _of_system(recipe, group, system, known[system], found)]
    environments = {record.environment for record in found}
    assert environments == {ledger.environment.fingerprint}
    ledger.add(unit, records)


def suite(recipe: Recipe, group: Group, known: KnownSystems) -> Suite:
    """What is measured of a group."""
    streaming = [system for system in group.systems if len(known[system].chunks) > 1]
    asked: list[tuple[Direction, Sequence[str]]] = [("sample", group.systems), ("first-frame", streaming)]
    cases = [
        Case(
            name=f"{group.name}, {direction}",
            shape=(3, 16, 32, 32),
            variants=[Variant(system=system, steps=recipe.steps) for system in systems],
            baseline=systems[0],
            directions=[direction],
            budget=recipe.profile,
        )
        for direction, systems in asked
        if systems
    ]
    timing = TimingRule(warmup_rounds=1, min_rounds=ROUNDS)
    return Suite(name=f"compare {recipe.name}", summary=recipe.summary, cases=cases, timing=timing, timeout=TIMEOUT)


def _of_system(recipe: Recipe, group: Group, system: str, known: Known, found: Sequence[Record]) -> Iterator[Record]:
    subject = of_system(recipe, group, system, None)
    kept: dict[tuple[str, str], Record] = {}
    for record in found:
        if record.subject.name == system:
            kept[record.subject.config["direction"], record.measure.name] = record
    for name, measure in _RENAMED.items():
        record = kept["sample", name]
        changes: dict[str, Any] = {"subject": subject, "details": _details(record)}
        yield record.model_copy(update=changes | ({"measure": measure} if measure else {}))
    several = len(known.chunks) > 1
    first = kept["first-frame" if several else "sample", "latency"]
    told = _details(first) | {"chunks": list(known.chunks)}
    if not several:
        told["notes"] = ["all frames come out at once, when all are done: its latency"]
    yield first.model_copy(update={"subject": subject, "measure": FIRST_FRAME, "details": told})
    yield Record(
        subject=subject,
        measure=STREAMS,
        protocol=ours("compare.streams", {"what": "frames come out in several pieces, in order, before all are done"}),
        environment=first.environment,
        code=first.code,
        run="",
        value=float(several),
        no_interval="counted",
        n=1,
        details={"chunks": list(known.chunks)},
    )


def _details(record: Record) -> dict[str, Any]:
    """Without its place in the profile's own run, with what it ran on."""
    told = {key: value for key, value in record.details.items() if key != "part"}
    return told | {key: record.subject.config[key] for key in ("threads", "device", "dtype", "batch")}
