"""What a benchmark of a suite's variant says of itself, in the ``extra_info`` that pytest-benchmark carries along."""

from typing import Any

from vidgauge.bench.suite import Kind
from vidgauge.record import Frozen
from vidgauge.reference_models.cost import Cost

KEY = "vidgauge"
"""Under which ``extra_info`` holds the facts, and ``machine_info`` the environment."""

RECORD_KEY = "vidgauge_record"
"""Under which ``extra_info`` of a file that ``vidgauge export`` wrote holds the record itself."""


class VariantFacts(Frozen):
    """A variant at one part of a suite."""

    name: str
    """The variant's."""
    kind: Kind = "layer"
    baseline: str
    """The variant that it would be compared with."""
    config: dict[str, Any]
    """As in the subject of our own records: suite, case, shape, dtype, direction, threads, backend, layer, ..."""
    cost: Cost
    compile_seconds: float | None
    graph_breaks: int
