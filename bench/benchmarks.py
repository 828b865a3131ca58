"""The one test that ``vidgauge.bench.pytest_suites`` runs, once for each variant of a suite."""

import math
import time
from typing import TYPE_CHECKING, Any

import pytest

from vidgauge.bench.pytest_suites import Ready
from vidgauge.bench.variant_facts import KEY

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture


def test_layer(ready_layer: Ready, benchmark: "BenchmarkFixture", pytestconfig: pytest.Config) -> None:
    """Time it; what has to be prepared before each call (a graph, for a backward pass) is not timed."""
    benchmark.group = ready_layer.group
    benchmark.extra_info[KEY] = ready_layer.facts.model_dump(mode="json")
    run, prepare = ready_layer.action.run, ready_layer.action.prepare
    if prepare is None:
        benchmark(run)
        return

    def setup() -> tuple[tuple[Any], dict[str, Any]]:
        return (prepare(),), {}

    start = time.perf_counter()
    run(prepare())
    seconds = time.perf_counter() - start
    # As many rounds as pytest-benchmark itself would choose; with a setup it asks for their number.
    most, fewest = float(pytestconfig.getoption("benchmark_max_time")), pytestconfig.getoption("benchmark_min_rounds")
    rounds = max(fewest, math.ceil(most / seconds))
    benchmark.pedantic(run, setup=setup, rounds=rounds, warmup_rounds=1)  # type: ignore[no-untyped-call]  # as it comes
