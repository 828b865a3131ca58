"""How fast scoring is: ours beside the packages that people use, the network alone, and ours the second time."""

import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from vidgauge.bench.contests import CONTESTS, Announce, LongContest, Sitting
from vidgauge.bench.contests.ffmpeg import with_ffmpeg_of_pyav
from vidgauge.bench.contests.load import load_average
from vidgauge.bench.contests.scoring_speed.finding import Finding
from vidgauge.bench.contests.scoring_speed.plan import AnyPart, plan
from vidgauge.environment import Environment
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Measure, ProtocolRef, Record, Subject

MEASURED = Measure(name="part_seconds", unit="s", better="neither")
_PROTOCOL = "scoring-speed.part"


def scoring_speed(environment: Environment, announce: Announce, sitting: Sitting) -> Iterator[Record]:
    """Speed and memory of scoring: I3D against cd-fvd, layers, Fréchet, standard errors, scoring again from cache."""
    run, began, parts = uuid.uuid4().hex, time.monotonic(), plan()
    done = {record.protocol.fingerprint for record in _measured(sitting.earlier, environment)}
    left = [part for part in parts if _identity(part) not in done]
    limit, spent = (sitting.minutes or float("inf")) * 60, 0.0
    whole = sum(part.expected_seconds for part in left) or 1.0
    for part in left:
        if spent and time.monotonic() - began + part.expected_seconds > limit:
            continue

        def tell(fraction: float, what: str, part: AnyPart = part, before: float = spent) -> None:
            announce((before + fraction * part.expected_seconds) / whole, f"{part.title}: {what}")

        yield _record(part, environment, run, _played(part, tell))
        spent += part.expected_seconds
    announce(1.0, "done")


def summarise(parts: Sequence[Record], environment: Environment) -> list[Record]:
    """What the parts found, each finding a record; a part that failed has one that says why."""
    attempts = {record.protocol.fingerprint: record for record in _attempted(parts, environment)}
    latest = attempts | {record.protocol.fingerprint: record for record in _measured(parts, environment)}
    return [record for part in latest.values() for record in _results(part)]


CONTESTS.register("scoring-speed")(LongContest(scoring_speed, summarise))


def _results(part: Record) -> Iterator[Record]:
    config, findings = part.subject.config, part.details.get("findings", [])
    if part.value is None:
        why = {"status": part.status, "reason": part.reason}
        findings = [Finding(tool="vidgauge", what="part", measure=MEASURED, result=why).model_dump()]
    for finding in map(Finding.model_validate, findings):
        about = config | {"what": finding.what, "part": part.subject.name}
        yield Record(
            subject=Subject(kind="scoring", name=finding.tool, config=about),
            measure=finding.measure,
            protocol=ProtocolRef(name=f"scoring-speed.{config['kind']}", fingerprint=part.protocol.fingerprint),
            environment=part.environment,
            code=part.code,
            run=part.run,
            time=part.time,
            **finding.result,
        )


def _attempted(records: Sequence[Record], environment: Environment) -> list[Record]:
    """Parts that were run here, with the same code: what is timed is the code."""
    here = (environment.fingerprint, environment.code)
    return [one for one in records if one.protocol.name == _PROTOCOL and (one.environment, one.code) == here]


def _measured(records: Sequence[Record], environment: Environment) -> list[Record]:
    """Those of them that have their numbers."""
    return [record for record in _attempted(records, environment) if record.value is not None]


def _identity(part: AnyPart) -> str:
    return fingerprint(part.model_dump(exclude={"expected_seconds"}))


def _record(part: AnyPart, environment: Environment, run: str, result: dict[str, Any]) -> Record:
    return Record(
        subject=Subject(kind="part", name=part.title, config=part.model_dump(exclude={"title", "expected_seconds"})),
        measure=MEASURED,
        protocol=ProtocolRef(name=_PROTOCOL, fingerprint=_identity(part)),
        environment=environment.fingerprint,
        code=environment.code,
        run=run,
        **result,
    )


def _played(part: AnyPart, tell: Announce) -> dict[str, Any]:
    """The part's findings, as fields of a record; a process that fails takes its own part with it alone."""
    details: dict[str, Any] = {"load_average_before": load_average()}
    began = time.monotonic()
    findings, complaint = _in_a_process(part, tell)
    if findings is None:
        return {"status": "failed", "reason": complaint, "details": details}
    result = {"value": time.monotonic() - began, "n": 1, "no_interval": "how long the part took"}
    return result | {"details": details | {"findings": findings}}


def _in_a_process(part: AnyPart, tell: Announce) -> tuple[list[dict[str, Any]] | None, str]:
    command = [sys.executable, "-P", "-m", "vidgauge.bench.contests.scoring_speed.job", part.model_dump_json()]
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryFile("w+") as complaints:
        variables = with_ffmpeg_of_pyav(Path(name) / "libraries")  # cd-fvd's decoder finds no other
        findings = None
        with subprocess.Popen(  # noqa: S603 - our own module
            command, env=variables, stdout=subprocess.PIPE, stderr=complaints, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                said = json.loads(line)
                if len(said) == 2 and isinstance(said[0], int | float):
                    tell(*said)
                else:
                    findings = said
        complaints.seek(0)
        last = complaints.read().strip().rpartition("\n")[2]
    if process.returncode or findings is None:
        return None, f"its process ended with status {process.returncode}: {last}"[:300]
    return findings, ""
