"""GPU time against the wall clock and against itself; for machines with a CUDA device."""

import numpy as np
import pytest
import torch

from vidgauge.bench.timing.cache import flusher
from vidgauge.bench.timing.clocks import find_clock
from vidgauge.bench.timing.rounds import Action, TimingRule, run_rounds
from vidgauge.errors import UsageError

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.mark.parametrize("name", ["cuda_events", "cuda_graph"])
def test_gpu_time_is_within_wall_time_and_grows_with_the_work(name: str) -> None:
    x = torch.randn(2048, 2048, device="cuda")
    wall, gpu = find_clock("wall"), find_clock(name)

    def once() -> None:
        torch.mm(x, x)

    def whole() -> None:
        gpu.time(once, 20)

    gpu.time(once, 3)
    seconds = gpu.time(once, 20)
    assert seconds > 0
    assert 20 * seconds < 20 * wall.time(whole, 1) * 20

    def eight() -> None:
        for _ in range(8):
            torch.mm(x, x)

    gpu.time(eight, 1)
    assert gpu.time(eight, 20) > 2 * gpu.time(once, 20)


def test_a_graph_replays_the_call_it_captured() -> None:
    total, called = torch.zeros(1, device="cuda"), []

    def run() -> None:
        called.append(1)
        total.add_(1)

    clock = find_clock("cuda_graph")
    clock.time(run, 5)
    clock.time(run, 2)
    assert len(called) == 3 + 1  # warm-up and capture; the capture itself computes nothing
    assert total.item() == 3 + 5 + 2


def test_rounds_under_a_gpu_clock_with_cold_caches() -> None:
    x = torch.randn(256, 256, device="cuda")
    rule = TimingRule(clock="cuda_events", cache="cold", max_rounds=9)
    rounds = run_rounds({"a": Action(lambda: torch.mm(x, x))}, rule, 10.0, np.random.default_rng(0), device="cuda")
    assert len(rounds.samples["a"].seconds) == 9
    assert all(seconds > 0 for seconds in rounds.samples["a"].seconds)


def test_the_flush_writes_twice_the_l2() -> None:
    written = flusher("cold", "cuda")()
    assert isinstance(written, torch.Tensor)
    assert written.nbytes == 2 * torch.cuda.get_device_properties("cuda").L2_cache_size


def test_replay_refuses_what_must_be_prepared_each_time() -> None:
    action = Action(lambda _prepared: None, prepare=lambda: None)
    with pytest.raises(UsageError, match="cannot time calls that need preparation"):
        run_rounds({"a": action}, TimingRule(clock="cuda_graph"), 1.0, np.random.default_rng(0))
