"""What the trials of the timing contest amount to: rates with exact intervals, errors and times with bootstrap ones."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import binomtest

from vidgauge.environment import Environment
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Measure, ProtocolRef, Record, Subject

TRIALS = Measure(name="trials", unit="1", better="neither")
FALSE_VERDICTS = Measure(name="false_verdict_rate", unit="1", better="lower")
FOUND = Measure(name="detection_rate", unit="1", better="higher")
ERROR = Measure(name="ratio_error_p90", unit="1", better="lower")
SECONDS = Measure(name="seconds_to_verdict", unit="s", better="lower")
SPENT = Measure(name="seconds_spent", unit="s", better="neither")
OVERHEAD = Measure(name="harness_overhead", unit="1", better="lower")

LEVEL = 0.95
_RESAMPLES = 2000
_FEWEST = 5
"""Values below which a bootstrap interval would be a pretence."""
_SHARED_KEYS = ("contest", "revision", "call", "condition", "percent", "budget_seconds", "threads", "work")
"""Of a block's configuration: what the trials of a row of the results have in common."""


@dataclass
class _Row:
    """All trials of one tool under the same circumstances."""

    tool: str
    config: dict[str, Any]
    trials: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    missing: str = ""
    loads: list[float] = field(default_factory=list)


def summarise(blocks: Sequence[Record], environment: Environment) -> list[Record]:
    """Records of each tool, condition and kind of trial, from the blocks of trials measured in this environment."""
    run = uuid.uuid4().hex
    rows: dict[str, _Row] = {}
    for block in _latest(blocks, environment):
        config = {key: block.subject.config[key] for key in _SHARED_KEYS}
        for tool, trial in _by_tool(block):
            row = rows.setdefault(fingerprint([tool, config]), _Row(tool, config))
            _enter(row, trial)
        for tool, reason in block.details["missing"].items():
            rows.setdefault(fingerprint([tool, config]), _Row(tool, config)).missing = reason
        load = block.details["load_average_before"]
        if load is not None:
            for row in rows.values():
                if row.config == config:
                    row.loads.append(load)
    return [
        _record(row, measure, result, environment, run) for row in rows.values() for measure, result in _results(row)
    ]


def _latest(blocks: Sequence[Record], environment: Environment) -> list[Record]:
    """Each block once."""
    return list(
        {
            block.protocol.fingerprint: block
            for block in blocks
            if block.protocol.name == "timing.trials" and block.environment == environment.fingerprint
        }.values()
    )


def _by_tool(block: Record) -> Iterator[tuple[str, dict[str, Any]]]:
    for trial in block.details["trials"]:
        yield from trial["found"].items()


def _enter(row: _Row, trial: dict[str, Any]) -> None:
    if "failed" in trial:
        row.failures.append(trial["failed"])
    else:
        row.trials.append(trial)


def _results(row: _Row) -> Iterator[tuple[Measure, dict[str, Any]]]:
    """What is said of a tool, as fields of records."""
    percent = row.config["percent"]
    rate = FALSE_VERDICTS if percent == 0 else FOUND
    if not row.trials:
        reason = row.failures[0] if row.failures else row.missing
        yield rate, {"status": "failed" if row.failures else "skipped", "reason": reason}
        return
    claims = [trial["verdict"] in ("slower", "faster") for trial in row.trials]
    if percent == 0:
        yield FALSE_VERDICTS, _rate(sum(claims), len(claims))
        yield ERROR, _quantile([abs(trial["ratio"] - 1) for trial in row.trials], 0.9)
    else:
        found = [trial["seconds"] for trial in row.trials if trial["verdict"] == "slower"]
        yield FOUND, _rate(len(found), len(claims))
        if found:
            yield SECONDS, _quantile(found, 0.5)
    yield SPENT, _quantile([trial["seconds"] for trial in row.trials], 0.5)
    overheads = [trial["overhead"] for trial in row.trials if "overhead" in trial]
    if overheads:
        yield OVERHEAD, _quantile(overheads, 0.5)


def _rate(count: int, n: int) -> dict[str, Any]:
    """With the interval of Clopper and Pearson (1934), which holds at least the level for any true rate."""
    interval = binomtest(count, n).proportion_ci(LEVEL, method="exact")
    low, high = float(interval.low), float(interval.high)
    return {"value": count / n, "low": low, "high": high, "level": LEVEL, "n": n, "count": count}


def _quantile(values: Sequence[float], share: float) -> dict[str, Any]:
    """With its percentile bootstrap interval."""
    value, n = float(np.quantile(values, share)), len(values)
    if n < _FEWEST:
        return {"value": value, "n": n, "no_interval": f"fewer than {_FEWEST} trials"}
    drawn = np.random.default_rng(0).integers(n, size=(_RESAMPLES, n))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.quantile(np.asarray(values)[drawn], share, axis=1), [tail, 1 - tail])
    return {"value": value, "low": float(low), "high": float(high), "level": LEVEL, "n": n}


def _record(row: _Row, measure: Measure, result: dict[str, Any], environment: Environment, run: str) -> Record:
    details = {"load_averages": [min(row.loads), max(row.loads)]} if row.loads else {}
    if "count" in result:
        details |= {"count": result["count"]}
    return Record(
        subject=Subject(kind="tool", name=row.tool, config=row.config),
        measure=measure,
        protocol=ProtocolRef(name=f"timing.{measure.name}", fingerprint=fingerprint(row.config)),
        environment=environment.fingerprint,
        code=environment.code,
        run=run,
        n_failed=len(row.failures),
        details=details,
        **{key: value for key, value in result.items() if key != "count"},
    )
