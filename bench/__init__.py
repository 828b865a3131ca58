"""Timing, memory and cost of layers and systems: how fast and how big."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vidgauge.bench.profiling import profile
    from vidgauge.bench.timing.comparison import Comparison, compare
    from vidgauge.bench.timing.statistics import Verdict

__all__ = ["Comparison", "Verdict", "compare", "profile"]

_HOMES = {
    "Comparison": "vidgauge.bench.timing.comparison",
    "Verdict": "vidgauge.bench.timing.statistics",
    "compare": "vidgauge.bench.timing.comparison",
    "profile": "vidgauge.bench.profiling",
}


def __getattr__(name: str) -> object:
    """Public names, imported when first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
