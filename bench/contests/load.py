"""A background load: processes that do nothing but keep cores busy."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100_000))"
"""Ends by itself once its parent is gone, even if that was killed outright."""
_SETTLING_SECONDS = 0.3


def load_average() -> float | None:
    """Processes that wanted to run over the last minute, ours among them; None where the system does not tell."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many busy processes while the block runs, none after it."""
    started = [subprocess.Popen([sys.executable, "-I", "-c", _BUSY]) for _ in range(processes)]  # noqa: S603 - our code
    try:
        if started:
            time.sleep(_SETTLING_SECONDS)
        yield
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()
