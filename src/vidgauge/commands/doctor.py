"""``vidgauge doctor``: what this machine can do, and what to do where it cannot."""

import json as json_format
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Annotated, Literal

import typer

from vidgauge.environment import Environment
from vidgauge.errors import VidgaugeError

_DECODERS = ("h264", "hevc", "vp9", "av1", "mpeg4", "ffv1", "gif", "mjpeg")
_BUSY = 0.5
"""Load average for each processor from which on the wall clock is a poor witness."""


@dataclass(frozen=True)
class Check:
    """What was looked at, and what came of it."""

    name: str
    status: Literal["ok", "limited", "broken"]
    """``limited``: something optional is not there, and the rest works without it."""
    finding: str


def doctor(
    json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object with the environment and the checks.")
    ] = False,
) -> None:
    """Say what this machine can do: processor, GPU, clocks, memory counters, compiler, decoders, weights."""
    environment = Environment.capture()
    checks = [check for look in _LOOKS for check in look(environment)]
    if json:
        report = {"environment": environment.model_dump(mode="json"), "checks": [asdict(check) for check in checks]}
        typer.echo(json_format.dumps(report, indent=1))
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            typer.echo(f"{check.status:<7}  {check.name:<{width}}  {check.finding}")
    broken = [check.name for check in checks if check.status == "broken"]
    if broken:
        raise VidgaugeError(f"{', '.join(broken)}: broken; see above")


def _software(environment: Environment) -> Iterator[Check]:
    versions = ", ".join(f"{name} {version}" for name, version in environment.libraries.items())
    yield Check("software", "ok", f"Python {environment.python}, {versions}; {environment.system}")


def _processor(environment: Environment) -> Iterator[Check]:
    memory = "" if environment.memory_bytes is None else f", {environment.memory_bytes / 2**30:.0f} GiB"
    what = f"{environment.cpu}, {environment.cpus} logical processors, {environment.threads} threads{memory}"
    yield Check("processor", "ok", what)
    if not hasattr(os, "getloadavg"):
        return
    load = os.getloadavg()[0]
    if load > _BUSY * environment.cpus:
        advice = "take --clock cpu for calls of ten milliseconds and more"
        yield Check("load", "limited", f"{load:.1f} on {environment.cpus} processors: others are at work; {advice}")
    else:
        yield Check("load", "ok", f"{load:.1f} on {environment.cpus} processors")


def _gpu(environment: Environment) -> Iterator[Check]:
    if environment.gpu is None:
        yield Check("GPU", "limited", "torch sees no CUDA device: cases for a GPU are skipped, no CUDA clocks")
    else:
        yield Check("GPU", "ok", f"{environment.gpu}, CUDA {environment.driver}")


def _memory(_: Environment) -> Iterator[Check]:
    from vidgauge.bench.memory import NotMeasurableError, peak_bytes

    try:
        peak_bytes(lambda: bytearray(1), "cpu", runs=1)
    except NotMeasurableError as error:
        yield Check("peak memory", "limited", f"{error}: estimated from what torch allocates, and marked so")
    else:
        yield Check("peak memory", "ok", "measured: the kernel resets its peak of resident memory")
    if sys.platform == "linux":
        yield Check("memory limits", "ok", "workers can be held to a limit, and end with their parent")
    else:
        yield Check("memory limits", "limited", "Linux alone limits a worker's memory and ends it with its parent")


def _compiler(_: Environment) -> Iterator[Check]:
    found = shutil.which(os.environ.get("CXX", "g++")) or shutil.which("clang++")
    if found:
        yield Check("torch.compile", "ok", f"on a CPU it compiles with {found}")
    else:
        yield Check("torch.compile", "limited", "no C++ compiler: compiled variants fail on a CPU; install g++")


def _decoders(environment: Environment) -> Iterator[Check]:
    import av

    missing = [name for name in _DECODERS if name not in av.codecs_available]
    version = f"libavcodec {environment.ffmpeg.get('libavcodec', 'of unknown version')}"
    if missing:
        yield Check("decoders", "limited", f"{version} was built without {', '.join(missing)}")
    else:
        yield Check("decoders", "ok", f"{', '.join(_DECODERS)} ({version})")


def _weights(_: Environment) -> Iterator[Check]:
    from vidgauge.metrics.weights import CARDS, FOLDER
    from vidgauge.weights import find

    for name in CARDS:
        card = CARDS[name]
        try:
            path = find(card, shipped=FOLDER)
        except VidgaugeError as error:
            yield Check(f"weights {name}", "broken", str(error))
            continue
        if path is not None:
            yield Check(
                f"weights {name}", "ok", "shipped and verified" if path.parent == FOLDER else f"verified: {path}"
            )
        elif card.runs_unknown_code:
            yield Check(f"weights {name}", "limited", f"not on this machine: vidgauge weights fetch {name} --trust")
        elif card.url:
            yield Check(f"weights {name}", "limited", f"not on this machine; fetched from {card.url} when needed")
        else:
            yield Check(f"weights {name}", "broken", f"{card.file} is missing from the package; install it again")


def _parquet(_: Environment) -> Iterator[Check]:
    if find_spec("pyarrow") is None:
        yield Check("Parquet", "limited", "pyarrow is not installed: pip install 'vidgauge[parquet]'")
    else:
        yield Check("Parquet", "ok", "stores can be exported")


_LOOKS: tuple[Callable[[Environment], Iterator[Check]], ...] = (
    _software,
    _processor,
    _gpu,
    _memory,
    _compiler,
    _decoders,
    _weights,
    _parquet,
)
