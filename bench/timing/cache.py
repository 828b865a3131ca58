"""What caches hold when a sample starts: whatever the rounds left there (warm), or nothing of use (cold)."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

CacheName = Literal["warm", "cold"]

_SYSFS = Path("/sys/devices/system/cpu/cpu0/cache")
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}
_FALLBACK_BYTES = 64 * 2**20
"""Taken for the last-level cache where the system does not tell: more than most have to one core."""


def flusher(cache: CacheName, device: str = "cpu") -> Callable[[], object]:
    """What to do before each sample, outside the timed region.

    Cold: a buffer of twice the last-level cache is read and written, so nothing else is left in it. On a CPU one thread
    does this: the private caches of other cores keep what they hold. On a GPU it is queued on the current stream.

    Args:
        cache: ``warm`` does nothing.
        device: ``cpu``, or the CUDA device whose L2 cache to flush.
    """
    if cache == "warm":
        return lambda: None
    if device.startswith("cuda"):
        import torch

        size = torch.cuda.get_device_properties(device).L2_cache_size
        on_gpu = torch.zeros(2 * size, dtype=torch.uint8, device=device)
        return lambda: on_gpu.add_(1)
    on_cpu = np.zeros(2 * last_level_bytes() // 8, dtype=np.int64)
    return lambda: np.add(on_cpu, 1, out=on_cpu)


def last_level_bytes(sysfs: Path = _SYSFS) -> int:
    """Size of the largest cache that the first core uses; 64 MiB where the system does not tell (it is not Linux)."""
    sizes = [_bytes(file.read_text().strip()) for file in sysfs.glob("index*/size")]
    return max(sizes, default=_FALLBACK_BYTES)


def _bytes(size: str) -> int:
    """Of a size such as ``32768K``."""
    return int(size[:-1]) * _UNITS[size[-1]] if size[-1] in _UNITS else int(size)
