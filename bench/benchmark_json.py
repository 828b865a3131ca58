"""Records from the JSON that pytest-benchmark writes: of our suites' layers, and of any other benchmark."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, PositiveFloat, PositiveInt, ValidationError

from vidgauge.bench.case_records import LATENCY
from vidgauge.bench.timing import statistics
from vidgauge.bench.variant_facts import KEY, RECORD_KEY, VariantFacts
from vidgauge.environment import Environment
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.fingerprint import fingerprint
from vidgauge.record import ProtocolRef, Record, Subject

_NOT_KNOWN = ("memory_bytes", "threads", "gpu", "driver", "libraries", "ffmpeg", "variables")
"""What pytest-benchmark does not say of a machine; threads and a missing count of processors stand as 0."""


class _Stats(BaseModel):
    data: list[PositiveFloat] = []
    """Seconds of one call, by round; not in files that were saved without ``--benchmark-save-data``."""
    median: PositiveFloat
    rounds: PositiveInt
    iterations: PositiveInt


class _Benchmark(BaseModel):
    fullname: str
    group: str | None
    params: dict[str, Any] | None
    extra_info: dict[str, Any]
    options: dict[str, Any]
    stats: _Stats


class _Machine(BaseModel):
    system: str
    release: str
    python_version: str
    processor: str = ""
    machine: str = ""
    cpu: dict[str, Any] = {}
    ours: dict[str, Any] | None = Field(default=None, alias=KEY)


class _Document(BaseModel):
    machine_info: _Machine
    commit_info: dict[str, Any]
    benchmarks: list[_Benchmark]
    datetime: datetime
    version: str


def read_benchmarks(path: Path) -> tuple[list[Record], Environment]:
    """One latency record for each benchmark in the file, and the environment in which they ran.

    The record's run is a hash of the file, so that the same file gives the same run. A benchmark of one of our suites
    becomes a record of its layer or system; any other has the kind ``benchmark`` and the name that pytest gave it. What
    ``vidgauge export`` made of a record becomes that record again.

    Raises:
        UsageError: where the file cannot be read.
        VidgaugeError: where it is not what pytest-benchmark writes, or holds no benchmark.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    run = hashlib.sha256(content).hexdigest()[:32]
    try:
        document = _Document.model_validate_json(content)
        environment = _environment(document.machine_info, run)
        records = list(_records(document, environment, run))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise VidgaugeError(f"{path} is not a JSON file of pytest-benchmark: {place}: {first['msg']}") from None
    except ValueError as error:  # NaN among the options
        raise VidgaugeError(f"{path} is not a JSON file of pytest-benchmark: {error}") from None
    if not records:
        raise VidgaugeError(f"{path} holds no benchmark: all were skipped, failed or left out")
    return records, environment


def _records(document: _Document, environment: Environment, run: str) -> Iterator[Record]:
    for benchmark in document.benchmarks:
        if RECORD_KEY in benchmark.extra_info:
            yield _exported(benchmark.extra_info[RECORD_KEY], environment)
            continue
        subject, facts = _subject(benchmark)
        stats = benchmark.stats
        how = {"rounds": stats.rounds, "calls_per_round": stats.iterations, "options": benchmark.options}
        ours = document.machine_info.ours is not None
        yield Record(
            subject=subject,
            measure=LATENCY,
            protocol=_protocol(document.version, benchmark),
            environment=environment.fingerprint,
            code=environment.code,
            run=run,
            time=_aware(document.datetime),
            details=facts
            | how
            | {"seconds": stats.data, "commit_info": document.commit_info}
            | ({} if ours else {"environment_not_known": list(_NOT_KNOWN)}),
            **_value(stats),
        )


def _exported(body: Any, environment: Environment) -> Record:  # noqa: ANN401 - whatever stands there
    """The record that ``vidgauge export`` made a benchmark of."""
    record = Record.model_validate(body)
    if record.environment != environment.fingerprint:
        raise ValueError(f"its record names environment {record.environment}, not {environment.fingerprint}")
    return record


def _subject(benchmark: _Benchmark) -> tuple[Subject, dict[str, Any]]:
    """What was timed, and what else is known of it."""
    if KEY not in benchmark.extra_info:
        config = {"group": benchmark.group, "params": benchmark.params}
        return Subject(kind="benchmark", name=benchmark.fullname, config=config), {"extra_info": benchmark.extra_info}
    facts = VariantFacts.model_validate(benchmark.extra_info[KEY])
    about = facts.model_dump(exclude={"name", "kind", "config"})
    return Subject(kind=facts.kind, name=facts.name, config=facts.config), about


def _value(stats: _Stats) -> dict[str, Any]:
    """The median of the rounds, with an interval where the rounds are at hand."""
    if not stats.data:
        reason = "the file holds no single rounds; --benchmark-json and --benchmark-save-data keep them"
        return {"value": stats.median, "n": stats.rounds, "no_interval": reason}
    found = statistics.median(stats.data, seed=0)
    if found.low is None:
        return {"value": found.value, "n": found.n, "no_interval": found.no_interval}
    return {"value": found.value, "n": found.n, "low": found.low, "high": found.high, "level": found.level}


def _protocol(version: str, benchmark: _Benchmark) -> ProtocolRef:
    """Its version and settings; the rounds and calls that it chose by them are details."""
    rule = {
        "pytest_benchmark": version,
        "options": benchmark.options,
        "direction": benchmark.extra_info.get(KEY, {}).get("config", {}).get("direction"),
        "statistic": "median",
        "level": statistics.LEVEL,
        "resamples": statistics.RESAMPLES,
    }
    return ProtocolRef(name="latency.pytest-benchmark", fingerprint=fingerprint(rule))


def _environment(machine: _Machine, run: str) -> Environment:
    """Ours as our plugin noted it; else what the file says, equal to no other since what is not known may differ."""
    if machine.ours is not None:
        return Environment.model_validate(machine.ours)
    return Environment(
        system=f"{machine.system} {machine.release}",
        python=machine.python_version,
        cpu=str(machine.cpu.get("brand_raw") or machine.processor or machine.machine),
        cpus=int(machine.cpu.get("count") or 0),
        memory_bytes=None,
        threads=0,
        gpu=None,
        driver=None,
        libraries={},
        ffmpeg={},
        variables={"not known": ", ".join(_NOT_KNOWN), "known from": f"pytest-benchmark, run {run}"},
    )


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)
