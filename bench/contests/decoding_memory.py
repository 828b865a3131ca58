"""Memory of streaming clips from a long file: of the process that reads and of those that decode for it.

``python -m vidgauge.bench.contests.decoding_memory FILE`` prints a ``Streamed`` as JSON.
"""

import gc
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import torch

from vidgauge.bench.memory import NotMeasurableError
from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.folder import Entry
from vidgauge.datasets.loading import Failure, iterate_clips
from vidgauge.errors import VidgaugeError
from vidgauge.record import Frozen

CLIP = 16
_PROCESSES = Path("/proc")
_LOOK_SECONDS = 0.02


class Streamed(Frozen):
    """What streaming all clips of a file took."""

    idle_bytes: int
    """Resident in the process before, all imports done."""
    reader_bytes: int
    """Most that it had beyond that."""
    decoder_bytes: int
    """The most of each decoder process, whole, summed: what they share counts once for each."""
    clips: int
    seconds: float

    @property
    def added_bytes(self) -> int:
        """At most what streaming adds: the peaks of the processes need not fall together."""
        return self.reader_bytes + self.decoder_bytes


def stream(path: Path) -> Streamed:
    """Read all clips of 16 frames of a file, one after another, decoded by one process.

    Raises:
        NotMeasurableError: where the system does not tell.
    """
    gc.collect()
    try:
        (_PROCESSES / "self/clear_refs").write_text("5")  # the peak of resident memory starts anew: proc(5)
    except OSError as error:
        raise NotMeasurableError(f"no resettable peak of resident memory here ({error})") from error
    idle = _bytes("self", "VmRSS")
    watch, start, clips = _Watch(), time.perf_counter(), 0
    for item in iterate_clips([Entry(path.name, str(path))], ClipRule(frames=CLIP, offset="all"), workers=1):
        if isinstance(item, Failure):
            raise VidgaugeError(f"{item.id} {item.reason}")
        clips += 1
    seconds = time.perf_counter() - start
    reader = _bytes("self", "VmHWM") - idle
    return Streamed(
        idle_bytes=idle, reader_bytes=reader, decoder_bytes=watch.finish(), clips=clips, seconds=round(seconds, 3)
    )


class _Watch(threading.Thread):
    """Keeps the peaks of the child processes, which are gone in the end."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._peaks: dict[str, int] = {}
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            for children in (_PROCESSES / "self/task").glob("*/children"):
                with suppress(OSError):  # a thread that has ended meanwhile
                    for process in children.read_text().split():
                        self._look_at(process)

    def _look_at(self, process: str) -> None:
        with suppress(OSError, NotMeasurableError):  # it has ended meanwhile
            self._peaks[process] = max(self._peaks.get(process, 0), _bytes(process, "VmHWM"))

    def finish(self) -> int:
        """The sum of the peaks.

        Raises:
            NotMeasurableError: where no child was seen.
        """
        self._over.set()
        self.join()
        if not self._peaks:
            raise NotMeasurableError("this system does not tell which processes a process has started")
        return sum(self._peaks.values())


def _bytes(process: str, field: str) -> int:
    for line in (_PROCESSES / process / "status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise NotMeasurableError(f"process {process} has no field {field}")


def main() -> None:
    """Stream the file that the argument names."""
    torch.set_num_threads(1)
    sys.stdout.write(stream(Path(sys.argv[1])).model_dump_json())


if __name__ == "__main__":
    main()
