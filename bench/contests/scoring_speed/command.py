"""``vidgauge score`` as a process, timed, and told how much memory it took.

``python -m vidgauge.bench.contests.scoring_speed.command FILE ARGUMENTS`` runs that command line of ours and writes a
``Peaks`` as JSON into the file.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidgauge.cli import run as run_command_line
from vidgauge.errors import VidgaugeError
from vidgauge.record import Frozen

_PROCESSES = Path("/proc")
_DECODER = b"decoding_worker"
"""In the command line of such a process; one that has just been forked still has ours, and our memory."""
_LOOK_SECONDS = 0.05


class Peaks(Frozen):
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
        told = Path(folder) / "peaks.json"
        line = ["score", *arguments, "--threads", str(threads), "--store", str(Path(folder) / "records"), "--json"]
        command = [sys.executable, "-P", "-m", "vidgauge.bench.contests.scoring_speed.command", str(told), *line]
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
        seconds = time.perf_counter() - began
        if done.returncode:
            raise VidgaugeError(f"vidgauge score ended with status {done.returncode}: {done.stderr.strip()[-200:]}")
        records: list[dict[str, Any]] = json.loads(done.stdout)
        peaks = Peaks.model_validate_json(told.read_text()) if told.exists() else None
    return Scored(seconds, {record["protocol"]["name"]: record["value"] for record in records}, peaks)


class Decoders(threading.Thread):
    """Keeps the largest peak of the processes that decode, which are gone in the end."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._largest = 0
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        """Look at them again and again."""
        while not self._over.wait(_LOOK_SECONDS):
            for children in (_PROCESSES / "self/task").glob("*/children"):
                with suppress(OSError):  # a thread or a process that has ended meanwhile
                    for process in children.read_text().split():
                        if _DECODER in (_PROCESSES / process / "cmdline").read_bytes():
                            self._largest = max(self._largest, peak_bytes(process))

    def finish(self) -> int:
        """The largest that was seen."""
        self._over.set()
        self.join()
        return self._largest


def peak_bytes(process: str) -> int:
    """Most memory that a process had resident; 0 where the system does not tell."""
    lines = (_PROCESSES / process / "status").read_text().splitlines()
    return 1024 * next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def main() -> None:
    """Run the command line that the arguments hold."""
    decoders = Decoders()
    status = run_command_line(sys.argv[2:])
    if (_PROCESSES / "self/status").exists():
        found = Peaks(own_bytes=peak_bytes("self"), decoder_bytes=decoders.finish())
        Path(sys.argv[1]).write_text(found.model_dump_json())
    sys.exit(status)


if __name__ == "__main__":
    main()
