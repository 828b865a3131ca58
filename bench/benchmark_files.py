"""Latencies as the JSON that pytest-benchmark writes, so that its tools read what was measured here."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidgauge.bench.case_records import LATENCY
from vidgauge.bench.variant_facts import KEY, RECORD_KEY
from vidgauge.environment import Environment
from vidgauge.files import whole_file
from vidgauge.record import Record

_VERSION = "5.3.0"
"""Of the layout that is written: pytest-benchmark's."""
_CASE_KEYS = ("case", "dtype", "direction", "shape", "device")
_FENCE = 1.5
"""Interquartile ranges beyond the quartiles (Tukey 1977), where outliers begin."""


def write_benchmarks(
    folder: Path, records: Iterable[Record], environments: Mapping[str, Environment]
) -> tuple[list[Path], int]:
    """Write one file for each run and environment in which something was timed, numbered in the order of time.

    Args:
        folder: made if it is not there; files of these names are replaced.
        records: those of latencies with their single rounds are written.
        environments: by fingerprint, of all records.

    Returns:
        The files, and how many records have no place in them.
    """
    runs: dict[tuple[str, str], list[Record]] = {}
    left_out = 0
    for record in records:
        if record.measure == LATENCY and record.details.get("seconds"):
            runs.setdefault((record.run, record.environment), []).append(record)
        else:
            left_out += 1
    files = []
    for number, of_run in enumerate(sorted(runs.values(), key=lambda of_one: of_one[0].time), start=1):
        path = folder / f"{number:04d}_{of_run[0].run[:8]}.json"
        with whole_file(path) as partial:
            partial.write_text(json.dumps(_document(of_run, environments), indent=4), "utf-8")
        files.append(path)
    return files, left_out


def _document(records: Sequence[Record], environments: Mapping[str, Environment]) -> dict[str, Any]:
    first = records[0]
    environment = environments[first.environment]
    commit, _, changes = first.code.partition("+")
    return {
        "machine_info": _machine(environment),
        "commit_info": first.details.get("commit_info") or {"id": commit or None, "dirty": bool(changes)},
        "benchmarks": [_benchmark(record) for record in records],
        "datetime": first.time.isoformat(),
        "version": _VERSION,
    }


def _machine(environment: Environment) -> dict[str, Any]:
    system, _, release = environment.system.partition(" ")
    known = {"system": system, "release": release, "python_version": environment.python}
    known |= dict.fromkeys(("node", "machine", "python_implementation"), "")
    cpu = {"brand_raw": environment.cpu, "count": environment.cpus}
    return known | {"processor": environment.cpu, "cpu": cpu, KEY: environment.model_dump(mode="json")}


def _benchmark(record: Record) -> dict[str, Any]:
    config, details = record.subject.config, record.details
    case = "-".join("x".join(map(str, v)) if isinstance(v, list) else str(v) for v in map(config.get, _CASE_KEYS) if v)
    name = f"{record.subject.name}[{case}]" if case else record.subject.name
    return {
        "group": config.get("group", case or None),
        "name": name.rpartition("::")[2],
        "fullname": name,
        "params": config.get("params"),
        "param": None,
        "extra_info": {**details.get("extra_info", {}), RECORD_KEY: record.model_dump(mode="json")},
        "options": details.get("options", {}),
        "stats": summary(details["seconds"]) | {"iterations": details.get("calls_per_round", details.get("calls", 1))},
    }


def summary(seconds: Sequence[float]) -> dict[str, Any]:
    """Of single rounds, what pytest-benchmark says of them, by its definitions."""
    data = np.asarray(seconds, dtype=np.float64)
    q1, median, q3 = (float(q) for q in np.quantile(data, [0.25, 0.5, 0.75], method="hazen"))
    mean, deviation = float(data.mean()), float(data.std(ddof=1)) if len(data) > 1 else 0.0
    low, high = q1 - _FENCE * (q3 - q1), q3 + _FENCE * (q3 - q1)
    beyond = int(np.sum((data < low) | (data > high)))
    far = int(np.sum(np.abs(data - mean) > deviation))
    inside = data[(data >= low) & (data <= high)]
    return {
        "min": float(data.min()),
        "max": float(data.max()),
        "mean": mean,
        "stddev": deviation,
        "rounds": len(data),
        "median": median,
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": beyond,
        "stddev_outliers": far,
        "outliers": f"{far};{beyond}",
        "ld15iqr": float(inside.min()),
        "hd15iqr": float(inside.max()),
        "ops": 1 / mean,
        "total": float(data.sum()),
        "data": list(seconds),
    }
