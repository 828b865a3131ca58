"""Bounds of a worker process, set from inside: how much memory it may take, and whom it does not outlive."""

import ctypes
import signal
import sys
from contextlib import suppress
from pathlib import Path

from vidgauge.errors import UsageError

_SIGNAL_ON_PARENTS_DEATH = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


def limit_memory(beyond: int) -> None:
    """Refuse this process more memory than it has now and so many bytes: allocations then fail, and libraries say so.

    The limit is on private memory that can be written (RLIMIT_DATA of getrlimit(2)), counted when it is asked for and
    not when it is touched. So the machine is driven neither into swap nor into killing processes.

    Raises:
        UsageError: elsewhere than on Linux.
    """
    if sys.platform != "linux":
        raise UsageError("a memory limit needs Linux; leave memory_limit out of the suite")
    import resource

    (held,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData:"))
    limit = int(held.split()[1]) * 1024 + beyond
    _, allowed = resource.getrlimit(resource.RLIMIT_DATA)
    limit = limit if allowed == resource.RLIM_INFINITY else min(limit, allowed)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def die_with_parent() -> None:
    """Have the system end this process when the thread that started it ends, however that happens; Linux alone can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SIGNAL_ON_PARENTS_DEATH, signal.SIGKILL)


def die_first() -> None:
    """Where memory runs out, have the system end this process rather than the one that started it; Linux alone can."""
    with suppress(OSError):  # elsewhere, and in containers that keep it from us
        Path("/proc/self/oom_score_adj").write_text("1000")
