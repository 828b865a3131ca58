"""Peak memory of one call, above what was there before it.

Not in a process that times anything: what is done here to the C library's heap slows allocation down.

Two techniques see different things. The *resident* peak is what the kernel counts: all memory that was touched, by
whomever, so the buffers of libraries too, but no page that nobody wrote to. The *allocator events* of torch's profiler
are exact to the byte and blind to whatever does not come from torch's allocator. Where both exist, the resident peak is
the headline and the events are its cross-check: over twelve patterns of known size (contests/peak_memory.py) the
resident peak was never more than 1 % off, while the events were exact in eleven and missed all of the twelfth, a
buffer of NumPy's.
"""

import ctypes
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import torch
from torch.autograd import profiler

from vidgauge.errors import VidgaugeError
from vidgauge.record import Frozen

Technique = Literal["resident", "allocator events", "cuda allocator"]

_STATUS, _CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_SLACK_BYTES = 2**20
"""The kernel counts resident pages in batches, a few hundred KiB off."""
_M_MMAP_THRESHOLD = -3
_OWN_PAGES_BYTES = 128 * 1024
"""Blocks from this size on get pages of their own: smaller ones would waste more than 3 % on whole pages."""


class NotMeasurableError(VidgaugeError):
    """This system does not tell a process its peak memory."""


class Peak(Frozen):
    """Most memory that a call held at once beyond what was held before it."""

    bytes: int
    """The largest of the runs."""
    technique: Technique
    """``allocator events`` is an estimate: the system offers nothing better, and buffers of libraries are not in it."""
    runs: list[int]
    """Bytes, one number for each run."""
    cross_check: int | None = None
    """Bytes by the allocator events, where they are not the technique itself; none on a GPU."""

    @property
    def is_estimate(self) -> bool:
        """Whether the call may have held more than could be seen."""
        return self.technique == "allocator events"

    @property
    def disagreement(self) -> float | None:
        """How far the cross-check lies from the headline, as a fraction of the headline; empty without either."""
        return None if self.cross_check is None or not self.bytes else self.cross_check / self.bytes - 1


def peak(call: Callable[[], object], device: str, runs: int) -> Peak:
    """Peak memory of a call: outputs and temporaries, not inputs, by the best technique that the system offers.

    The call runs once more before, uncounted, since the first call also fills caches that stay, and on a CPU once more
    after for the cross-check.

    Args:
        call: what to measure; its result is dropped.
        device: ``cpu`` or a CUDA device.
        runs: how often to measure.

    Returns:
        on a GPU the peak of torch's allocator; on Linux the resident peak, with the allocator events beside it;
        elsewhere an estimate from the allocator events.
    """
    if device.startswith("cuda"):
        found = peak_bytes(call, device, runs)
        return Peak(bytes=max(found), technique="cuda allocator", runs=found)
    try:
        found = peak_bytes(call, device, runs)
    except NotMeasurableError:
        found = [allocated_peak(call) for _ in range(runs)]
        return Peak(bytes=max(found), technique="allocator events", runs=found)
    return Peak(bytes=max(found), technique="resident", runs=found, cross_check=allocated_peak(call))


def peak_bytes(call: Callable[[], object], device: str, runs: int) -> list[int]:
    """The runs of ``peak`` alone, where the system measures them: ``resident``, or ``cuda allocator`` on a GPU.

    Raises:
        NotMeasurableError: with the reason, where the system offers no such figure.
    """
    call()
    gc.collect()
    on_gpu = device.startswith("cuda")
    return [_cuda_peak(call, device) if on_gpu else _resident_peak(call) for _ in range(runs)]


def allocated_peak(call: Callable[[], object]) -> int:
    """The largest running sum over what torch's CPU allocator gave and took back during a call, bytes.

    What was allocated before the call and is freed in it counts as nothing.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # read when the profiler first starts; else it chats on stderr
    with profiler.profile(profile_memory=True) as trace:
        call()
    assert trace.kineto_results is not None
    events = [event for event in trace.kineto_results.events() if event.name() == "[memory]"]
    held = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    return most


def _resident_peak(call: Callable[[], object]) -> int:
    with _every_block_shows():
        _reset_high_water_mark()
        before = _status_bytes("VmRSS")
        if _status_bytes("VmHWM") > before + _SLACK_BYTES:
            raise NotMeasurableError("the kernel does not reset the peak of resident memory (VmHWM)")
        call()
        return max(0, _status_bytes("VmHWM") - before)


def _reset_high_water_mark() -> None:
    """Set VmHWM to the present resident memory (proc(5), clear_refs, value 5)."""
    try:
        _CLEAR_REFS.write_text("5")
    except OSError as error:
        raise NotMeasurableError(f"no resettable peak of resident memory here ({error})") from error


def _status_bytes(field: str) -> int:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError as error:
        raise NotMeasurableError(f"no figures of resident memory here ({error})") from error
    for line in lines:
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise NotMeasurableError(f"{_STATUS} has no field {field}")


@contextmanager
def _every_block_shows() -> Iterator[None]:
    """Make resident memory follow what is allocated, where the C library can (glibc; see mallopt(3)).

    Left alone, it keeps freed blocks for reuse, so a call seems to need less than it does; and it serves large blocks
    from whatever holes earlier work left in the heap, whose pages then stay: three tensors that live one after the
    other seem to live at once. So large blocks get pages of their own, which are given back when they are freed, and
    the holes are filled meanwhile.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if library is None or not hasattr(library, "mallopt") or not hasattr(library, "malloc_trim"):
        yield
        return
    library.mallopt(_M_MMAP_THRESHOLD, _OWN_PAGES_BYTES)
    library.malloc_trim(0)
    library.free.argtypes = [ctypes.c_void_p]
    fillers = _fill_holes(library) if hasattr(library, "mallinfo2") else []
    try:
        yield
    finally:
        for filler in fillers:
            library.free(filler)


class _HeapFigures(ctypes.Structure):
    """What glibc tells of its heap: struct mallinfo2 of mallinfo(3), since glibc 2.33."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def _fill_holes(library: ctypes.CDLL) -> list[int]:
    """Take every hole of the heap that could serve a large block. The blocks are never written to, so cost no pages."""
    library.mallinfo2.restype = _HeapFigures
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    fillers: list[int] = []
    room = library.mallinfo2().fordblks
    for power in range(room.bit_length(), _OWN_PAGES_BYTES.bit_length() - 2, -1):
        while room >= 2**power and (block := _hole(library, 2**power)):
            fillers.append(block)
            room -= 2**power
    return fillers


def _hole(library: ctypes.CDLL, size: int) -> int | None:
    """A block from the heap; none if no hole holds it, for then malloc maps fresh pages and counts one mapping more."""
    mappings = library.mallinfo2().hblks
    block: int | None = library.malloc(size)
    if library.mallinfo2().hblks == mappings:
        return block
    library.free(block)
    return None


def _cuda_peak(call: Callable[[], object], device: str) -> int:
    torch.cuda.synchronize(device)
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    call()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before
