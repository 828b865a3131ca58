"""Where along a sweep the winner changes, from the verdicts that the records carry."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from vidgauge.bench.case_records import RATIO
from vidgauge.bench.timing.statistics import Verdict
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Measure, ProtocolRef, Record, Subject

CROSSOVER = Measure(name="crossover", unit="1", better="neither")

_KEPT = ("suite", "case", "dtype", "device", "direction", "threads", "layout", "compile", "layer", "system")
"""What the records of one variant along a sweep have in common, beside the extents that the axis leaves alone."""
Crossing = dict[str, Any]


def crossings(verdicts: Sequence[tuple[int, str]]) -> list[Crossing]:
    """Each change of the winner along an axis.

    Args:
        verdicts: of a variant against the baseline, by ascending value. Only faster and slower name a winner; at any
            other value nobody is known to win, so the change lies somewhere around it.

    Returns:
        for each: ``between`` the last value before it and the first after it, and the verdicts at the two.
    """
    won = [(value, verdict) for value, verdict in verdicts if verdict in (Verdict.FASTER, Verdict.SLOWER)]
    return [
        {"between": [value, next_value], "before": str(verdict), "after": str(next_verdict)}
        for (value, verdict), (next_value, next_verdict) in pairwise(won)
        if verdict != next_verdict
    ]


def crossover_records(records: Iterable[Record]) -> Iterator[Record]:
    """One record for each variant, dtype, direction and batch of every sweep among the records of a run.

    Its value is the first extent at which the other one is known to win, the smallest where that happens more than
    once; all of them are in the details. Where the winner never changes, it is skipped, with what was found instead.
    """
    sweeps: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        swept = record.measure == RATIO and record.status == "ok" and "sweep" in record.details
        if swept and record.subject.name != record.details["baseline"]:
            sweeps[_sweep(record)].append(record)
    for along in sweeps.values():
        yield _record(sorted(along, key=lambda record: int(record.details["sweep"]["value"])))


def _record(along: Sequence[Record]) -> Record:
    first = along[0]
    axis, baseline = first.details["sweep"]["axis"], first.details["baseline"]
    verdicts = [(record.details["sweep"]["value"], record.details["verdict"]) for record in along]
    found = crossings(verdicts)
    rule = {"ratio": first.protocol.fingerprint, "values": [value for value, _ in verdicts]}
    details = {"axis": axis, "baseline": baseline, "verdicts": list(map(list, verdicts)), "crossings": found}
    common: dict[str, Any] = {
        "subject": Subject(kind=first.subject.kind, name=first.subject.name, config=_config(first)),
        "measure": CROSSOVER,
        "protocol": ProtocolRef(name="crossover.verdicts", fingerprint=fingerprint(rule)),
        "environment": first.environment,
        "code": first.code,
        "run": first.run,
        "n": len(verdicts),
        "details": details,
    }
    if not found:
        return Record(**common, status="skipped", reason=_no_change(verdicts, axis))
    low, high = found[0]["between"]
    why = f"it lies above {low}; what lies between was undecided or not run"
    return Record(**common, value=float(high), no_interval=why)


def _no_change(verdicts: Sequence[tuple[int, str]], axis: str) -> str:
    said = ", ".join(f"{verdict} at {value}" for value, verdict in verdicts)
    return f"no crossover along {axis}: {said}"


def _config(record: Record) -> dict[str, Any]:
    config = {key: record.subject.config[key] for key in _KEPT if key in record.subject.config}
    axis = record.details["sweep"]["axis"]
    return config | {"axis": axis} | ({} if axis == "batch" else {"batch": record.subject.config["batch"]})


def _sweep(record: Record) -> str:
    return fingerprint([record.subject.name, _config(record), record.details["baseline"]])
