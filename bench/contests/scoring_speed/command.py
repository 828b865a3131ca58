"""``vidgauge score`` as a process, timed, and watched for the memory that it takes."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidgauge.errors import VidgaugeError

_COMMAND = [sys.executable, "-P", "-c", "from vidgauge.cli import main; main()", "score"]
_PROCESSES = Path("/proc")
_DECODER = b"decoding_worker"
"""In the command line of such a process; one that has just been forked still has its parent's, and its memory."""
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Peaks:
    """Most resident memory."""

    own_bytes: int
    """Of the process that scores."""
    decoder_bytes: int
    """Of the largest of the processes that decode for it."""


@dataclass(frozen=True)
class Scored:
    """What one run of the command took, and what it found."""

    seconds: float
    """From its start to its end, imports and all."""
    values: dict[str, float]
    """By protocol."""
    peaks: Peaks | None
    """None where the system does not tell."""


def score(arguments: list[str], threads: int) -> Scored:
    """Run ``vidgauge score`` with these arguments.

    Raises:
        VidgaugeError: where it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [*_COMMAND, *arguments, "--threads", str(threads), "--store", f"{folder}/records.sqlite", "--json"]
        began = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
            watch = _Watch(process.pid)
            said, complaint = process.communicate()
            seconds = time.perf_counter() - began
        peaks = watch.finish()
    if process.returncode:
        raise VidgaugeError(f"vidgauge score ended with status {process.returncode}: {complaint.strip()[-200:]}")
    records: list[dict[str, Any]] = json.loads(said)
    return Scored(seconds, {record["protocol"]["name"]: record["value"] for record in records}, peaks)


class _Watch(threading.Thread):
    """Keeps the peaks of a process and of its decoders, which are gone in the end."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self._process = _PROCESSES / str(process)
        self._own, self._decoder = 0, 0
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self._own = max(self._own, _peak(self._process))
            for child in self._children():
                with suppress(OSError):  # it has ended meanwhile
                    if _DECODER in (child / "cmdline").read_bytes():
                        self._decoder = max(self._decoder, _peak(child))

    def _children(self) -> Iterator[Path]:
        for children in self._process.glob("task/*/children"):
            with suppress(OSError):  # a thread that has ended meanwhile
                yield from (_PROCESSES / child for child in children.read_text().split())

    def finish(self) -> Peaks | None:
        """What was seen last, which is what there was most of."""
        self._over.set()
        self.join()
        return Peaks(self._own, self._decoder) if self._own else None


def _peak(process: Path) -> int:
    """Most bytes that it had resident; 0 where the system does not tell."""
    with suppress(OSError):  # it has ended meanwhile
        for line in (process / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return 0
