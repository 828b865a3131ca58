"""What a part finds: records without what all records of a run share."""

from typing import Any

from vidgauge.bench.timing.statistics import Estimate
from vidgauge.record import Frozen, Measure

SPEED = Measure(name="clips_per_second", unit="1/s", better="higher")
SECONDS = Measure(name="seconds", unit="s", better="lower")
RATIO = Measure(name="time_ratio", unit="1", better="neither")
SHARE = Measure(name="share_of_ceiling", unit="1", better="higher")
RATE = Measure(name="replicates_per_second", unit="1/s", better="higher")
ERROR_RATIO = Measure(name="standard_error_ratio", unit="1", better="neither")
MEMORY = Measure(name="peak_memory", unit="B", better="lower")
MEMORY_RATIO = Measure(name="memory_ratio", unit="1", better="lower")


class Finding(Frozen):
    """One number, or why there is none."""

    tool: str
    """Whose."""
    what: str
    """Of it, such as ``whole`` or ``network alone``; of a ratio what stands above and below the line."""
    measure: Measure
    result: dict[str, Any]
    """The fields of a record that say what came out."""


def estimated(estimate: Estimate, details: dict[str, Any] | None = None) -> dict[str, Any]:
    """An estimate as fields of a record."""
    return estimate.fields | {"details": details or {}}


def without(tool: str, what: str, measure: Measure, status: str, reason: str) -> Finding:
    """That there is no number, and why."""
    return Finding(tool=tool, what=what, measure=measure, result={"status": status, "reason": reason})
