"""Forked workers at real work: what a fork could break is threads, and what it could falsify is memory."""

import sys

import pytest

from vidgauge.bench import fork_server
from vidgauge.bench.fork_server import ForkServer
from vidgauge.bench.launch import run_case
from vidgauge.bench.messages import Job
from vidgauge.bench.processes import spawn
from vidgauge.bench.suite import Variant
from vidgauge.bench.timing.rounds import TimingRule

pytestmark = [pytest.mark.long, pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")]
CONV = Variant(layer="conv3d", config={"in_channels": 64, "out_channels": 64})
JOB = Job(
    variants=[CONV, CONV.model_copy(update={"label": "last", "layout": "channels_last_3d"})],
    baseline="conv3d",
    shape=(2, 64, 8, 16, 16),
    dtype="float32",
    device="cpu",
    direction="forward+backward",
    threads=2,
    seed=0,
    rule=TimingRule(warmup_rounds=1, max_rounds=5),
    budget=0.1,
    memory_runs=2,
)
MEBIBYTE = 2**20


def test_forks_compute_on_threads_and_weigh_what_fresh_processes_do(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = run_case(JOB.model_copy(update={"task": "weigh"}), 60.0, start=spawn)
    monkeypatch.setattr(fork_server, "spawn", lambda *_: pytest.fail("it was not forked"))
    with ForkServer() as server:
        for _ in range(2):
            forked = run_case(JOB, 60.0, start=server.start)
            assert not forked.failed
            assert forked.timed is not None
            assert set(forked.probed) == {"conv3d", "last"}
            for name, weighed in forked.weighed.items():
                peak, expected = weighed.peak, fresh.weighed[name].peak
                assert peak.technique == expected.technique
                assert peak.cross_check == expected.cross_check
                assert peak.bytes == pytest.approx(expected.bytes, rel=0.02, abs=MEBIBYTE)


def test_a_forks_memory_is_limited_from_where_it_starts() -> None:
    greedy = JOB.model_copy(update={"task": "fit", "memory_limit": 8 * MEBIBYTE, "variants": [CONV]})
    roomy = greedy.model_copy(update={"memory_limit": 512 * MEBIBYTE})
    with ForkServer() as server:
        assert run_case(greedy, 60.0, start=server.start).failed["conv3d"].status == "oom"
        assert not run_case(roomy, 60.0, start=server.start).failed
