"""The processes that workers run in, as their parent sees them; and the plain way to start one."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, Protocol

COMMAND = [sys.executable, "-P", "-m", "vidgauge.bench.worker"]  # -P: the folders beside us are not to be imported


class Process(Protocol):
    """A worker that was started; it leads a group of processes, itself and whatever it starts."""

    @property
    def said(self) -> IO[str]:
        """What it writes to stdout, as it comes."""

    def wait(self) -> int:
        """Its exit status, once it has ended; -n if signal n killed it."""

    def end(self) -> None:
        """Kill it and whatever it started, on systems that group processes."""


Start = Callable[[Mapping[str, str], IO[str], IO[str]], Process]
"""Starts a worker, given environment variables beside our own, its stdin, and a file for its stderr."""


def kill_group(leader: int) -> None:
    """Kill all processes of a group that there still are; nothing on systems that have none."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)


class _Spawned:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self.said: IO[str] = process.stdout
        self._process = process

    def wait(self) -> int:
        return self._process.wait()

    def end(self) -> None:
        kill_group(self._process.pid)
        self._process.kill()
        self._process.wait()


def spawn(variables: Mapping[str, str], task: IO[str], errors: IO[str]) -> Process:
    """Start an interpreter of its own, which then imports torch: three seconds."""
    return _Spawned(
        subprocess.Popen(  # noqa: S603 - fixed words only
            COMMAND,
            stdin=task,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
            env=os.environ | dict(variables),
            start_new_session=True,  # a group of its own, so that its compilers can be ended with it
        )
    )
