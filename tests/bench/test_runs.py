"""Runs over a suite without measuring anything: budgets, resuming, sweeps and searches against a made-up worker."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vidgauge.bench import ceilings, profiling
from vidgauge.bench.budget import Budget
from vidgauge.bench.ceilings.ceiling_records import restored
from vidgauge.bench.ceilings.result import Ceilings, Rate
from vidgauge.bench.crossover import CROSSOVER, crossings
from vidgauge.bench.largest import search
from vidgauge.bench.launch import Outcome
from vidgauge.bench.memory import Peak
from vidgauge.bench.messages import Built, Failed, Job, Probed, Step, Timed, Weighed
from vidgauge.bench.processes import Start, spawn
from vidgauge.bench.profile_table import findings, summary, tables
from vidgauge.bench.suite import Suite, parse_suite
from vidgauge.bench.timing.comparison import again
from vidgauge.bench.timing.rounds import Samples
from vidgauge.bench.timing.stopping import Stop
from vidgauge.cli import run
from vidgauge.record import Record
from vidgauge.reference_models.layers import build
from vidgauge.store import Store

ATTENTION = {"channels": "C", "heads": 1}


def suite(*cases: dict[str, Any], **fields: object) -> Suite:
    usual = {
        "shape": [4, 2, 2, 8],
        "directions": ["inference"],
        "budget": 5.0,
        "baseline": "joint_attention",
        "variants": [
            {"layer": "joint_attention", "config": ATTENTION},
            {"layer": "spatial_attention", "config": ATTENTION},
        ],
    }
    named = [{"name": f"case{index}"} | usual | case for index, case in enumerate(cases)]
    return parse_suite({"name": "made-up", "summary": "None", "threads": 1, "cases": named} | fields)


def seconds_of(job: Job, layer: str) -> float:
    """Joint attention as its scores are many, the other as its tokens are, with a price to start with."""
    tokens = job.shape[1] * job.shape[2] * job.shape[3]
    return tokens**2 * 1e-3 if layer == "joint_attention" else 0.5 + tokens * 1e-3


def measured(job: Job) -> Outcome:
    """What a worker would tell of a job."""
    outcome = Outcome(done=True)
    samples = {}
    for variant in job.variants:
        name = variant.name
        cost = build(variant.layer, **variant.config).cost(job.shape)
        outcome.built[name] = Built(variant=name, cost=cost)
        outcome.probed[name] = Probed(
            variant=name, backends=["math"], compile_seconds=3.0 if variant.compiles else None
        )
        outcome.weighed[name] = Weighed(
            variant=name, peak=Peak(bytes=1024, technique="resident", runs=[1000, 1024], cross_check=512)
        )
        seconds = [seconds_of(job, variant.layer) * (1 + 1e-4 * (index % 3)) for index in range(20)]
        samples[name] = Samples(seconds=seconds, positions=[0] * 20, calls=1)
    samples[again(job.baseline)] = samples[job.baseline]
    outcome.timed = Timed(samples=samples, load=[], stopped=Stop.DECIDED, seconds=1.0)
    return outcome


class Worker:
    """Stands in for ``run_case``; may stop the whole at a part."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.stop_at: int | None = None

    def __call__(
        self,
        job: Job,
        timeout: float,
        on_step: Callable[[Step], None] = lambda _step: None,
        deadline: float | None = None,
        start: Start = spawn,
    ) -> Outcome:
        del timeout, deadline, start
        if len(self.jobs) == self.stop_at:
            raise KeyboardInterrupt
        self.jobs.append(job)
        on_step(Step(variant=job.baseline, doing="time", fraction=0.5))
        return measured(job)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    stand_in = Worker()
    monkeypatch.setattr(profiling, "run_case", stand_in)
    return stand_in


def test_a_budget_takes_parts_in_order_until_one_does_not_fit(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10000, 10))  # each look at it is ten seconds later
    monkeypatch.setattr(profiling, "Budget", lambda seconds: Budget(seconds, now=lambda: float(next(clock))))
    records = profiling.profile(suite({}, {"batches": [1, 2, 3]}), budget=30)
    shapes = [job.shape[0] for job in worker.jobs]
    assert shapes == [1, 1]
    cut = [record for record in records if record.status == "skipped"]
    assert len(cut) == 2 * 2 * 6
    assert all(record.reason.startswith("the budget of 30 s has no room for it") for record in cut)
    assert len(tables(records)) == 2
    assert findings(records)[0] == "2 of 4 parts skipped:"
    assert summary(records).row_count == 6


def test_a_case_for_another_device_is_skipped(worker: Worker) -> None:
    records = profiling.profile(suite({"devices": ["cuda"]}, {"dtypes": ["tf32"]}, {}))
    assert len(worker.jobs) == 1
    assert {record.reason for record in records if record.status == "skipped"} == {
        "the case is for cuda only",
        "tf32 is a precision of GPUs",
    }


def test_compile_time_is_a_record_of_its_own(worker: Worker) -> None:
    variants = [
        {"layer": "joint_attention", "config": ATTENTION},
        {"layer": "joint_attention", "label": "compiled", "config": ATTENTION, "compile": True},
        {"layer": "joint_attention", "label": "flex", "config": ATTENTION | {"form": "flex"}},
    ]
    records = profiling.profile(suite({"variants": variants, "directions": ["forward+backward"]}))
    times = {record.subject.name: record.value for record in records if record.measure.name == "compile_time"}
    assert times == {"compiled": 3.0, "flex": 3.0}
    flops = next(record for record in records if record.measure.name == "flops")
    cost = build("joint_attention", channels=8, heads=1).cost((1, 4, 2, 2, 8))
    assert flops.value == cost.forward_flops + cost.backward_flops
    assert worker.jobs[0].direction == "forward+backward"
    (table,) = tables(records)
    assert "compile (s)" in [column.header for column in table.columns]


@pytest.mark.parametrize(
    ("verdicts", "found"),
    [
        ([(1, "slower"), (2, "faster")], [[1, 2]]),
        ([(1, "slower"), (2, "undecided"), (4, "equal"), (8, "faster")], [[1, 8]]),
        ([(1, "faster"), (2, "slower"), (4, "slower"), (8, "faster")], [[1, 2], [4, 8]]),
        ([(1, "faster"), (2, "faster")], []),
        ([(1, "undecided"), (2, "faster"), (4, "equal")], []),
        ([], []),
    ],
)
def test_the_winner_changes_between_known_winners(verdicts: list[tuple[int, str]], found: list[list[int]]) -> None:
    assert [one["between"] for one in crossings(verdicts)] == found


@pytest.mark.usefixtures("worker")
def test_a_sweep_tells_where_the_winner_changes() -> None:
    sweep = {"axis": "T", "values": [2, 4, 8, 16]}  # 8, 16, 32 and 64 tokens: 23 of them cost the same
    records = profiling.profile(suite({"sweep": sweep}))
    (crossover,) = (record for record in records if record.measure == CROSSOVER)
    assert crossover.value == 8
    assert crossover.no_interval.startswith("it lies above 4")
    assert crossover.details["crossings"] == [{"between": [4, 8], "before": "slower", "after": "faster"}]
    assert crossover.subject.name == "spatial_attention"
    assert findings(records) == [
        "case0, float32, inference: spatial_attention against joint_attention: slower at T = 4, faster at 8"
    ]


@pytest.mark.usefixtures("worker")
def test_none_in_the_range_is_an_answer() -> None:
    records = profiling.profile(suite({"sweep": {"axis": "batch", "values": [1, 2]}}))
    (crossover,) = (record for record in records if record.measure == CROSSOVER)
    assert crossover.status == "skipped"
    assert crossover.reason == "no crossover along batch: slower at 1, slower at 2"


TWO = suite({}, {"sweep": {"axis": "T", "values": [2, 16]}})


def test_what_was_finished_is_not_measured_again(worker: Worker, tmp_path: Path) -> None:
    whole = [(record.subject, record.measure, record.value) for record in profiling.profile(TWO)]
    worker.jobs.clear()
    with Store(tmp_path / "s.sqlite") as store:
        worker.stop_at = 2
        with pytest.raises(KeyboardInterrupt):
            profiling.profile(TWO, store)
        before, worker.stop_at = list(store), None
        assert len(worker.jobs) == 2
        records = profiling.profile(TWO, store, resume=True)
        assert len(worker.jobs) == 3
        assert records[: len(before)] == before
        assert list(store) == records
    assert len({record.run for record in records}) == 1
    assert [(record.subject, record.measure, record.value) for record in records] == whole


def test_half_a_part_does_not_count(worker: Worker, tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as store, Store(tmp_path / "cut.sqlite") as cut:
        records = profiling.profile(TWO, store)
        environment = store.environments()[records[0].environment]
        for record in records[:-3]:  # the crossover is missing, and the end of the last part
            cut.add(record, environment)
        worker.jobs.clear()
        again_records = profiling.profile(TWO, cut, resume=True)
        assert len(worker.jobs) == 1
        assert _numbers(again_records) == _numbers(records)


def test_a_missing_crossover_alone_is_made_up_for(worker: Worker, tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as store, Store(tmp_path / "cut.sqlite") as cut:
        records = profiling.profile(TWO, store)
        for record in records[:-1]:
            cut.add(record, store.environments()[record.environment])
        worker.jobs.clear()
        assert _numbers(profiling.profile(TWO, cut, resume=True)) == _numbers(records)
        assert len(cut) == len(records)
        assert not worker.jobs


@pytest.mark.parametrize("other", [{"seed": 1}, {"threads": 2}, {"clock": "cpu"}, {"memory_limit": 3.0}])
def test_another_question_is_another_run(worker: Worker, tmp_path: Path, other: dict[str, Any]) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        worker.stop_at = 1
        with pytest.raises(KeyboardInterrupt):
            profiling.profile(TWO, store)
        worker.stop_at = None
        records = profiling.profile(TWO, store, resume=True, **other)
    assert len(worker.jobs) == 1 + 3
    assert len({record.run for record in records}) == 1


def test_a_finished_run_is_not_gone_on_with_but_a_cut_one_is(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        first = profiling.profile(TWO, store)
        second = profiling.profile(TWO, store, resume=True)
        assert first[0].run != second[0].run
        assert len(worker.jobs) == 6
        with monkeypatch.context() as patched:
            patched.setattr(Budget, "refuses", lambda self, _seconds: "the budget is spent" * bool(self.overheads))
            cut = profiling.profile(TWO, store, budget=60)
        assert len(worker.jobs) == 7
        rest = profiling.profile(TWO, store, resume=True)
        assert len(worker.jobs) == 9
    assert rest[0].run == cut[0].run
    assert _numbers(rest) == _numbers(first)


def ceilings_at(flops_per_second: float, bytes_per_second: float) -> Ceilings:
    return Ceilings(
        device="cpu",
        dtype="float32",
        threads=1,
        compute=[Rate(candidate="gemm 64", work=10, per_second=flops_per_second, seconds=[1.0, 2.0, 4.0])],
        bandwidth=[Rate(candidate="copy", work=10, per_second=bytes_per_second, seconds=[1.0, 2.0, 4.0])],
        overhead_seconds=1e-6,
        array_bytes=2**20,
        cache_bytes=2**18,
        skipped=[],
        budget_seconds=1.0,
        seconds=1.0,
    )


class Machine:
    """Stands in for measuring ceilings: a gigaflop and a gigabyte a second at first, then more or less."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.later = [0.5, 2.0]

    def measure(self, _device: str, dtypes: list[str], *_more: object) -> list[Ceilings]:
        self.asked.append(" ".join(dtypes))
        return [ceilings_at(1e9, 1e9)]

    def remeasure(self, start: Ceilings, **_seed: int) -> Ceilings:
        factor = self.later[self.asked.count("again") % 2]
        self.asked.append("again")
        return ceilings_at(start.flops_per_second * factor, start.bytes_per_second)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    stand_in = Machine()
    monkeypatch.setattr(ceilings, "measure", stand_in.measure)
    monkeypatch.setattr(ceilings, "remeasure", stand_in.remeasure)
    return stand_in


FRAMED = suite(
    {"dtypes": ["float32", "tf32"]}, {"batches": [2]}, {"devices": ["cuda"], "dtypes": ["bfloat16"]}, ceilings=1.0
)


@pytest.mark.usefixtures("worker")
def test_ceilings_are_measured_at_the_start_in_the_middle_and_at_the_end(machine: Machine) -> None:
    records = profiling.profile(FRAMED)
    assert machine.asked == ["float32", "again", "again"]
    peaks = [record for record in records if record.subject.kind == "machine"]
    assert [record.details["when"] for record in peaks] == ["start", "start", "middle", "middle", "end", "end"]
    assert [record.details["drift_from_start"] for record in peaks] == [None, None, 0.5, 1, 2, 1]
    assert records[:2] == peaks[:2]
    assert findings(records)[:2] == [
        "peak float32 on cpu: 1 GFLOP/s (gemm 64); middle x 0.50; end x 2.00",
        "peak bandwidth on cpu: 1 GB/s (copy); middle x 1.00; end x 1.00",
    ]
    assert restored(peaks[4:]) == [ceilings_at(2e9, 1e9)]


@pytest.mark.usefixtures("worker", "machine")
def test_the_largest_ceiling_makes_the_prediction() -> None:
    records = profiling.profile(FRAMED)
    of_case = [record for record in records if record.subject.config.get("case") == "case0"]
    ours = {
        (record.subject.name, record.measure.name): record
        for record in of_case
        if record.subject.config["dtype"] == "float32"
    }
    for name in ("joint_attention", "spatial_attention"):
        cost = build(name, channels=8, heads=1).cost((1, 4, 2, 2, 8))
        predicted = ours[name, "predicted_time"]
        seconds = max(cost.forward_flops / 2e9, cost.min_bytes / 1e9)
        assert predicted.value == pytest.approx(seconds)
        computing = cost.forward_flops / 2e9 >= cost.min_bytes / 1e9
        assert predicted.details["bound"] == ("compute" if computing else "memory")
        latency = ours[name, "latency"]
        assert latency.value is not None
        assert ours[name, "efficiency"].value == pytest.approx(seconds / latency.value)
        assert ours[name, "efficiency"].level == latency.level
    tf32 = [record for record in of_case if record.subject.config["dtype"] == "tf32"]
    assert {record.reason for record in tf32} == {"tf32 is a precision of GPUs"}
    assert {"predicted_time", "efficiency"} < {record.measure.name for record in tf32}


def test_ceilings_and_predictions_are_not_made_again(machine: Machine, worker: Worker, tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        worker.stop_at = 1
        with pytest.raises(KeyboardInterrupt):
            profiling.profile(FRAMED, store)
        assert machine.asked == ["float32", "again"]
        worker.stop_at = None
        records = profiling.profile(FRAMED, store, resume=True)
        assert list(store) == records
        assert machine.asked == ["float32", "again", "again"]
        assert len(worker.jobs) == 2
        whole = profiling.profile(FRAMED)
        assert _numbers(records) == _numbers(whole)
        environment = store.environments()[records[0].environment]
        with Store(tmp_path / "cut.sqlite") as cut:
            for record in records[:-1]:
                cut.add(record, environment)
            machine.asked.clear()
            worker.jobs.clear()
            assert _numbers(profiling.profile(FRAMED, cut, resume=True)) == _numbers(whole)
            assert not worker.jobs
            assert not machine.asked
        assert profiling.profile(FRAMED, store, resume=True)[0].run != records[0].run


@pytest.mark.usefixtures("worker")
def test_where_nothing_runs_there_are_no_ceilings(machine: Machine) -> None:
    records = profiling.profile(suite({"devices": ["cuda"]}, ceilings=1.0))
    assert {record.status for record in records} == {"skipped"}
    assert not machine.asked


def _numbers(records: list[Record]) -> list[tuple[str, str, float | None]]:
    return [(record.subject.name, record.measure.name, record.value) for record in records]


@pytest.mark.parametrize("room", [0, 1, 2, 3, 5, 8, 13, 63, 64, 99])
def test_the_search_ends_at_the_largest_that_fits(room: int) -> None:
    tried = []

    def attempt(value: int) -> Failed | None:
        tried.append(value)
        return None if value <= room else Failed(variant="a", status="oom", reason="no memory")

    assert search(attempt, 64).largest == min(room, 64)
    assert len(tried) == len(set(tried)) <= 13


def test_a_search_ends_at_what_is_no_want_of_memory() -> None:
    found = search(lambda value: Failed(variant="a", status="timeout", reason="slow") if value > 3 else None, 64)
    assert (found.largest, found.tries) == (2, [(1, "ok"), (2, "ok"), (4, "timeout")])


def test_the_largest_extent_becomes_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs: list[Job] = []

    def fits(job: Job, _timeout: float, deadline: float | None = None, start: Start = spawn) -> Outcome:
        assert deadline is not None
        del start
        jobs.append(job)
        (variant,) = job.variants
        limits = {"joint_attention": 12, "spatial_attention": 100}
        failed = Failed(variant=variant.name, status="oom", reason="no memory")
        return Outcome(failed={} if job.shape[1] <= limits[variant.layer] else {variant.name: failed})

    monkeypatch.setattr("vidgauge.bench.largest.run_case", fits)
    asked = {"largest": {"axis": "T", "step": 4, "most": 32}}
    records = profiling.profile(suite(asked, memory_limit=0.5))
    assert {record.subject.name: record.value for record in records} == {"joint_attention": 12, "spatial_attention": 32}
    assert all(record.measure.name == "largest_T" for record in records)
    assert records[0].details["tries"] == [[4, "ok"], [8, "ok"], [16, "oom"], [12, "ok"]]
    assert all(job.task == "fit" and job.memory_limit == 2**29 for job in jobs)
    assert findings(records) == [
        "case0, float32, inference: joint_attention: largest T in 0.5 GiB: 12",
        "case0, float32, inference: spatial_attention: largest T in 0.5 GiB: 32 or more",
    ]
    assert not tables(records)
    skipped = profiling.profile(suite(asked | {"devices": ["cuda"]}))
    assert {(record.measure.name, record.status) for record in skipped} == {("largest_T", "skipped")}


@pytest.mark.skipif(sys.platform != "linux", reason="limits need Linux")
def test_memory_is_refused_beyond_the_limit() -> None:
    script = """
from vidgauge.limits import limit_memory
limit_memory(64 * 2**20)
small = bytearray(16 * 2**20)
try:
    bytearray(256 * 2**20)
except MemoryError:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"


def test_an_interrupted_command_prints_what_goes_on(
    worker: Worker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worker.stop_at = 1
    store = str(tmp_path / "my store.sqlite")
    assert run(["profile", "quick", "--store", store, "--filter", "spatial*", "--clock", "cpu"]) == 130
    said = capsys.readouterr().err
    assert "left out by --filter spatial*: convolutions: conv2plus1d" in said
    assert f"go on with: vidgauge profile quick --store '{store}' --device cpu --seed 0 --filter 'spatial*'" in said
    assert "--clock cpu --resume" in said
    worker.stop_at = None
    again_said = ["profile", "quick", "--store", store, "--filter", "spatial*", "--clock", "cpu", "--resume", "--json"]
    assert run(again_said) == 0
    assert len(worker.jobs) == 4
