"""Timing, memory and cost of layers and systems: how fast and how big."""

from typing import TYPE_CHECKING

from vidgauge.lazy import lazy_names

if TYPE_CHECKING:
    from vidgauge.bench.profiling import profile as profile
    from vidgauge.bench.timing.comparison import Comparison as Comparison
    from vidgauge.bench.timing.comparison import compare as compare
    from vidgauge.bench.timing.statistics import Verdict as Verdict

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Comparison": "timing.comparison",
        "Verdict": "timing.statistics",
        "compare": "timing.comparison",
        "profile": "profiling",
    },
)
