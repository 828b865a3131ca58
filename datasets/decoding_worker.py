"""The process in which files are decoded: ``python -m vidgauge.datasets.decoding_worker``.

Imports PyAV and neither NumPy nor torch nor pydantic, so that it starts at once and stays small. Jobs come on stdin,
one JSON object a line. What a job gives goes to stdout as messages: a header (kind, length) and so many bytes of JSON,
which for an array say its shape and are followed by its bytes.
"""

import gc
import io
import json
import os
import struct
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from vidgauge.datasets.decoding_jobs import Job, carefully, memory_of
from vidgauge.datasets.errors import VideoError
from vidgauge.errors import UsageError
from vidgauge.limits import die_first, die_with_parent, limit_memory

HEADER = struct.Struct("<BI")
ITEM, ARRAY, ERROR, END = range(4)
"""Kinds of messages: a JSON value, an array, why there is no more, and that there is no more to come."""

MEMORY_LIMIT = 2 * 2**30
"""Bytes that decoding one file may take, beyond what the process needs for itself."""


def main() -> None:
    """Do one job after another until there are no more."""
    die_with_parent()
    die_first()
    channel = _own_stdout()
    with suppress(UsageError, OSError, ValueError):  # where the system knows no such limit
        limit_memory(MEMORY_LIMIT)
    gc.freeze()  # what is here stays, and need not be looked through again
    _send(channel, END)  # ready
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # errors at the start were listened to, decoders' talk is not
    for line in sys.stdin.buffer:
        job = json.loads(line)
        try:
            for item in carefully(_find(job["job"]), Path(job["path"]), *job["arguments"]):
                _send_item(channel, item)
                del item  # or it would be held while the next is made
        except VideoError as error:
            _send(channel, ERROR, [str(error.path), error.reason])
        else:
            _send(channel, END)
        gc.collect()  # frames, which PyAV ties to their side data in cycles


def _find(name: str) -> Job:
    module, _, function = name.partition(":")
    job: Job = getattr(import_module(module), function)
    return job


def _own_stdout() -> io.FileIO:
    """Keep stdout for messages: what a library prints goes to stderr."""
    channel = io.FileIO(os.dup(1), "w")
    os.dup2(2, 1)
    return channel


def _send_item(channel: io.FileIO, item: Any) -> None:  # noqa: ANN401 - a JSON value or an array
    memory = memory_of(item)
    if memory is None:
        _send(channel, ITEM, item)
        return
    _send(channel, ARRAY, {"shape": memory.shape, "dtype": memory.format})
    if memory.nbytes:
        _write(channel, memory.cast("B") if memory.c_contiguous else memoryview(memory.tobytes()))


def _send(channel: io.FileIO, kind: int, content: Any = None) -> None:  # noqa: ANN401 - a JSON value
    body = json.dumps(content).encode("ascii")
    _write(channel, memoryview(HEADER.pack(kind, len(body)) + body))


def _write(channel: io.FileIO, view: memoryview) -> None:
    while view:
        view = view[channel.write(view) or 0 :]


if __name__ == "__main__":
    main()
