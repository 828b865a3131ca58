"""Peak memory of one call, above what was there before it. Measured after time, for it slows allocation down."""

import ctypes
import gc
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from vidgauge.errors import VidgaugeError

_STATUS, _CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_SLACK_BYTES = 2**20
"""The kernel counts resident pages in batches, a few hundred KiB off."""
_M_MMAP_THRESHOLD = -3


class NotMeasurableError(VidgaugeError):
    """This system does not tell a process its peak memory."""


def peak_bytes(call: Callable[[], object], device: str, runs: int) -> list[int]:
    """Most memory that a call holds at once beyond what was held before it: outputs and temporaries, not inputs.

    The call runs once more before, uncounted: the first call also fills caches that stay.

    Args:
        call: what to measure; its result is dropped.
        device: ``cpu`` (resident memory of the process, Linux only) or a CUDA device (torch's allocator).
        runs: how often to measure.

    Returns:
        bytes, one number for each run.

    Raises:
        NotMeasurableError: with the reason, where the system offers no such figure.
    """
    call()
    gc.collect()
    on_gpu = device.startswith("cuda")
    return [_cuda_peak(call, device) if on_gpu else _resident_peak(call) for _ in range(runs)]


def _resident_peak(call: Callable[[], object]) -> int:
    _show_every_block()
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


def _show_every_block() -> None:
    """Make resident memory follow what is allocated, where the C library can (glibc; see mallopt(3)).

    Left alone, it keeps freed blocks for reuse, so a call seems to need less than it does; and once large blocks have
    been freed it serves others from a heap that fragments: three tensors that live one after the other then take the
    room of three.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt") and hasattr(library, "malloc_trim"):
        library.mallopt(_M_MMAP_THRESHOLD, 64 * 1024)  # each larger block gets pages of its own, and gives them back
        library.malloc_trim(0)


def _cuda_peak(call: Callable[[], object], device: str) -> int:
    torch.cuda.synchronize(device)
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    call()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before
