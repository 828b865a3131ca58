"""Workers without the wait: one process imports torch once, and every worker on a CPU is a fork of it.

A fork has what a fresh process has once its imports are done, and shares none of it: what it writes to is copied. It is
safe only while the server has run nothing, for a fork copies one thread: a pool of threads that had computed would be
there in name alone, and CUDA does not survive it. So the server imports and never calls; what other people's packages
add is first imported by the workers; and where a second thread is left all the same, nothing is forked.

All workers of a run lie at the same addresses, where fresh processes would each lie somewhere else.
"""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
import warnings
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, NoReturn, Self

from vidgauge.bench.processes import Process, kill_group, spawn
from vidgauge.limits import die_with_parent

_COMMAND = [sys.executable, "-P", "-m", "vidgauge.bench.fork_server"]
PRELOADED = ["vidgauge.bench.worker", "torch.fx.experimental.symbolic_shapes"]
"""What the server imports: three seconds, and two for what torch imports in the first backward pass."""
_IMPORT_SECONDS = 300.0
"""In which torch is imported from a cold disk."""
_MESSAGE_BYTES = 2**16


class ForkServer:
    """Starts workers: by forking on Linux, else as ``spawn`` does. One at a time.

    The server is started with the first worker; leave the context, and it ends.
    """

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._useless = sys.platform != "linux"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def start(self, variables: Mapping[str, str], task: IO[str], errors: IO[str]) -> Process:
        """Start a worker as a ``processes.Start`` does; spawn it where the server cannot fork one."""
        forked = None if self._useless else self._fork(variables, task, errors)
        return forked or spawn(variables, task, errors)

    def _fork(self, variables: Mapping[str, str], task: IO[str], errors: IO[str]) -> Process | None:
        channel = self._channel or self._open()
        channel.settimeout(_IMPORT_SECONDS)
        ours, theirs = os.pipe()
        try:
            files = [task.fileno(), theirs, errors.fileno()]
            socket.send_fds(channel, [json.dumps(dict(variables)).encode()], files)
            said = channel.recv(_MESSAGE_BYTES)
        except OSError:  # it died, or took too long
            said = b""
        finally:
            os.close(theirs)
        if said:
            return _Forked(int(said), os.fdopen(ours, encoding="utf-8"), channel)
        os.close(ours)
        self._stop()
        self._useless = True
        return None

    def _open(self) -> socket.socket:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        nothing = subprocess.DEVNULL  # what is wrong with its imports, a spawned worker will say
        with theirs:
            self._server = subprocess.Popen(  # noqa: S603 - fixed words only
                _COMMAND, stdin=theirs.fileno(), stdout=nothing, stderr=nothing, start_new_session=True
            )
        return self._channel

    def _stop(self) -> None:
        if self._channel is not None:
            self._channel.close()
        if self._server is not None:
            self._server.kill()
            self._server.wait()
        self._channel = self._server = None


class _Forked:
    """A child of the server, which tells its exit status and keeps its number from others until it is ended."""

    def __init__(self, number: int, said: IO[str], channel: socket.socket) -> None:
        self.said = said
        self._number, self._channel = number, channel
        self._status: int | None = None

    def wait(self) -> int:
        if self._status is None:
            told = b""
            self._channel.settimeout(None)
            with suppress(OSError):
                told = self._channel.recv(_MESSAGE_BYTES)
            self._status = int(told) if told else -signal.SIGKILL  # with the server, its workers die
        return self._status

    def end(self) -> None:
        kill_group(self._number)
        with suppress(ProcessLookupError):
            os.kill(self._number, signal.SIGKILL)  # it may not have come to lead a group yet
        self.wait()
        with suppress(OSError):
            self._channel.send(b"ended")


def main() -> None:
    """Serve whoever holds the other end of stdin."""
    die_with_parent()
    for name in PRELOADED:
        import_module(name)
    gc.collect()
    gc.freeze()  # else a collection in a worker would write to all of it, and so copy it
    channel = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    if not _may_fork():
        os._exit(1)  # at once: another thread would hold up a return
    while True:
        message, files, _, _ = socket.recv_fds(channel, _MESSAGE_BYTES, 3)
        if not message:
            return
        number = os.fork()
        if number == 0:
            channel.close()
            _work(json.loads(message), files)
        for file in files:
            os.close(file)
        channel.send(str(number).encode())
        channel.send(str(_status(number)).encode())
        channel.recv(_MESSAGE_BYTES)
        os.waitpid(number, 0)


def _may_fork() -> bool:
    """Whether this is the only thread. OpenBLAS has some from its import on, but ends them when it is about to fork."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
        number = os.fork()
    if number == 0:
        os._exit(0)
    os.waitpid(number, 0)
    return len(list(Path("/proc/self/task").iterdir())) == 1


def _status(number: int) -> int:
    """As of ``Popen.wait``; the process is left in the table, so that its number stays its own."""
    ended = os.waitid(os.P_PID, number, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def _work(variables: Mapping[str, str], files: list[int]) -> NoReturn:
    """Be a worker, as ``python -m vidgauge.bench.worker`` is one."""
    status = 1
    try:
        os.setsid()  # a group of its own, so that its compilers can be ended with it
        for standard, file in enumerate(files):
            os.dup2(file, standard)
            os.close(file)
        os.environ.update(variables)
        import_module("vidgauge.bench.worker").main()
        status = 0
    except SystemExit as asked:
        status = asked.code if isinstance(asked.code, int) else int(asked.code is not None)
        if isinstance(asked.code, str):
            print(asked.code, file=sys.stderr)  # noqa: T201 - as the interpreter does
    except BaseException:  # noqa: BLE001 - nothing may reach the server's own loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
