"""Memory that was freed, back to the system: in a long run, holes between what is in use would add up."""

import ctypes
import sys
from contextlib import suppress


def give_back() -> None:
    """Ask the C library for it, where that is glibc; others do it by themselves, or not at all."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
