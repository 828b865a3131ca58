"""Our decoder beside torchcodec and decord: speed on the same files in the same rounds; whether frames are equal."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from vidgauge.bench.contests import CONTESTS, Announce
from vidgauge.bench.contests.decoders import BATCH, DECODERS, version
from vidgauge.bench.contests.decoding_files import CODINGS, FRAMES, LONG, RATE, Coding, write, write_long
from vidgauge.bench.contests.decoding_job import CLIP, Job, Outcome, Timed
from vidgauge.bench.contests.decoding_memory import Streamed
from vidgauge.bench.contests.ffmpeg import with_ffmpeg_of_pyav
from vidgauge.environment import Environment
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Measure, ProtocolRef, Record, Subject

SPEED = Measure(name="frames_per_second", unit="1/s", better="higher")
RATIO = Measure(name="time_ratio", unit="1", better="lower")
DIFFERENCE = Measure(name="largest_difference", unit="1", better="lower")
MEMORY = Measure(name="added_memory", unit="B", better="lower")

_BUDGET_SECONDS = 15.0
_MINUTES = 10.0
_FIRSTS = tuple(int(first) for first in np.random.default_rng(0).integers(0, FRAMES - CLIP + 1, size=4))
_TIMEOUT_SECONDS = 1200
_RULE = {
    "clip": CLIP,
    "firsts": _FIRSTS,
    "batch": BATCH,
    "budget_seconds": _BUDGET_SECONDS,
    "threads": 1,
    "clock": "cpu",
}

Task = Literal["whole", "clips"]


@dataclass(frozen=True)
class _Sitting:
    """What all records of a run share."""

    environment: Environment
    run: str

    def record(self, tool: str, config: dict[str, Any], measure: Measure, result: dict[str, Any]) -> Record:
        return Record(
            subject=Subject(kind="decoder", name=tool, config=config),
            measure=measure,
            protocol=ProtocolRef(name=f"decoding.{measure.name}", fingerprint=fingerprint(config | _RULE)),
            environment=self.environment.fingerprint,
            code=self.environment.code,
            run=self.run,
            **result,
        )


@CONTESTS.register("decoding")
def decoding(environment: Environment, announce: Announce) -> Iterator[Record]:
    """Frames per second of CPU time of our decoder, torchcodec and decord on the same files; memory of streaming."""
    sitting = _Sitting(environment, uuid.uuid4().hex)
    parts = 2 * len(CODINGS) + 2
    with TemporaryDirectory() as name:
        folder = Path(name)
        variables = with_ffmpeg_of_pyav(folder / "libraries")
        for index, coding in enumerate(CODINGS):
            announce(2 * index / parts, f"encoding {coding.title}")
            path = write(folder, coding)
            for more, task in enumerate[Task](("whole", "clips")):
                announce((2 * index + more) / parts, f"decoding {coding.title}, {task}")
                job = Job(
                    path=path, task=task, firsts=_FIRSTS if task == "clips" else (), budget_seconds=_BUDGET_SECONDS
                )
                yield from _records(sitting, coding, task, _run("decoding_job", job.model_dump_json(), variables))
        announce((parts - 2) / parts, f"encoding {LONG.title}")
        path = write_long(folder, _MINUTES, LONG)
        announce((parts - 1) / parts, f"streaming {LONG.title}, {_MINUTES:g} minutes")
        yield _streaming(sitting, _run("decoding_memory", str(path), variables))
    announce(1.0, "done")


def _run(module: str, argument: str, variables: dict[str, str]) -> str | None:
    """What a process of its own printed; None where it died or took too long."""
    command = [sys.executable, "-P", "-m", f"vidgauge.bench.contests.{module}", argument]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, env=variables, stdout=subprocess.PIPE, text=True, check=False, timeout=_TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None


def _records(sitting: _Sitting, coding: Coding, task: Task, said: str | None) -> Iterator[Record]:
    config = _config(coding) | {"task": task}
    if said is None:
        for tool in DECODERS:
            result = {"status": "failed", "reason": "one of the decoders ended the process that all share"}
            yield sitting.record(tool, config, SPEED, result | {"details": {"version": version(tool)}})
        return
    outcome = Outcome.model_validate_json(said)
    for tool in DECODERS:
        if tool in outcome.timed:
            for measure, result in _results(outcome.timed[tool]):
                yield sitting.record(tool, config, measure, result)
        else:
            status, reasons = ("skipped", outcome.missing) if tool in outcome.missing else ("failed", outcome.failed)
            yield sitting.record(tool, config, SPEED, {"status": status, "reason": reasons[tool]})


def _results(timed: Timed) -> Iterator[tuple[Measure, dict[str, Any]]]:
    frames, seconds = timed.agreement.frames, timed.seconds
    details = {"version": timed.version, "frames": frames, "cpu_share": timed.cpu_share, "seconds": timed.samples}
    yield SPEED, seconds.per_second(frames).fields | {"details": details}
    yield RATIO, timed.ratio.fields | {"details": {"verdict": timed.verdict}}
    yield (
        DIFFERENCE,
        {
            "value": float(timed.agreement.largest),
            "n": frames,
            "no_interval": "over all frames",
            "details": {"mean": timed.agreement.mean},
        },
    )


def _streaming(sitting: _Sitting, said: str | None) -> Record:
    config = _config(LONG) | {"task": "stream", "minutes": _MINUTES, "frames": round(60 * _MINUTES * RATE)}
    if said is None:
        result: dict[str, Any] = {"status": "failed", "reason": "not measurable here, or it died; stderr has said why"}
    else:
        streamed = Streamed.model_validate_json(said)
        no_interval = "the sum of the processes' own peaks, in one run"
        details = streamed.model_dump()
        result = {"value": float(streamed.added_bytes), "n": 1, "no_interval": no_interval, "details": details}
    return sitting.record("vidgauge", config, MEMORY, result)


def _config(coding: Coding) -> dict[str, Any]:
    return {
        "file": coding.title,
        "codec": coding.codec,
        "width": coding.width,
        "height": coding.height,
        "options": coding.options,
        "frames": FRAMES,
        "rate": RATE,
    }
