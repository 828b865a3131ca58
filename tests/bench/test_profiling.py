"""The whole way: suite, worker processes, records, store, command."""

import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from typer.testing import CliRunner

import vidgauge.bench
from vidgauge.bench import profiling
from vidgauge.bench.case_records import Maker, PartRecords
from vidgauge.bench.launch import Outcome
from vidgauge.bench.memory import Peak
from vidgauge.bench.messages import Built, Failed, Job, Timed, Weighed
from vidgauge.bench.parts import parts
from vidgauge.bench.profile_table import tables
from vidgauge.bench.suite import Suite, parse_suite
from vidgauge.bench.timing.rounds import Samples
from vidgauge.bench.timing.stopping import Stop
from vidgauge.commands.profile import profile as command
from vidgauge.environment import Environment
from vidgauge.errors import UsageError
from vidgauge.record import Record
from vidgauge.reference_models.layers import LAYERS, build
from vidgauge.store import Store

MEASURES = {"latency", "ratio_to_baseline", "throughput", "peak_memory", "flops", "parameters"}
CONV = {"in_channels": 4, "out_channels": 4}


def suite(*variants: dict[str, Any], **case: object) -> Suite:
    table = {
        "name": "small",
        "shape": [4, 2, 6, 6],
        "batches": [2],
        "directions": ["inference"],
        "budget": 0.2,
        "baseline": "conv3d",
        "variants": list(variants),
    }
    rule = {"warmup_rounds": 1, "max_rounds": 9}
    return parse_suite({"name": "test", "summary": "Small", "threads": 1, "timing": rule, "cases": [table | case]})


def by_layer(records: list[Record]) -> dict[str, dict[str, Record]]:
    grouped: dict[str, dict[str, Record]] = defaultdict(dict)
    for record in records:
        grouped[record.subject.name][record.measure.name] = record
    return grouped


def test_a_suite_becomes_records(tmp_path: Path) -> None:
    told: list[tuple[float, float, str]] = []
    small = suite({"layer": "conv3d", "config": CONV}, {"layer": "spatial_conv", "label": "flat", "config": CONV})
    with Store(tmp_path / "store.sqlite") as store:
        records = vidgauge.bench.profile(small, store, lambda *progress: told.append(progress), seed=3)
        assert list(store) == records
        assert store.environments()[records[0].environment].threads == 1
    layers = by_layer(records)
    assert {name: set(measures) for name, measures in layers.items()} == {"conv3d": MEASURES, "flat": MEASURES}
    assert len({record.run for record in records}) == 1
    assert len({record.code for record in records}) == 1

    latency, throughput = layers["flat"]["latency"], layers["flat"]["throughput"]
    assert latency.value is not None
    assert latency.low is not None
    assert latency.high is not None
    assert throughput.value == pytest.approx(2 / latency.value)
    assert (throughput.low, throughput.high) == pytest.approx((2 / latency.high, 2 / latency.low))
    assert latency.n == len(latency.details["seconds"]) == len(latency.details["positions"]) >= 5
    assert latency.details["noise_floor"]["n"] == latency.n
    assert (latency.details["clock"], latency.details["cache"]) == ("wall", "warm")
    assert latency.details["stopped"] in {"decided", "plateau", "budget", "max_rounds"}
    expected = {"suite": "test", "case": "small", "batch": 2, "shape": [2, 4, 2, 6, 6], "direction": "inference"}
    config = latency.subject.config
    assert {key: config[key] for key in expected} == expected
    assert (config["threads"], config["layout"], config["layer"]) == (1, "contiguous", "spatial_conv")
    assert config["compile"] is False
    assert config["backend"]

    ratio = layers["flat"]["ratio_to_baseline"]
    assert ratio.details["verdict"] in {"faster", "slower", "equal", "undecided"}
    assert "noise floor" in layers["conv3d"]["ratio_to_baseline"].details["note"]
    cost = build("spatial_conv", **CONV).cost((2, 4, 2, 6, 6))
    assert layers["flat"]["flops"].value == cost.forward_flops
    assert layers["flat"]["parameters"].value == cost.parameters
    assert told[-1] == (0.2, 0.2, "done")
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert [table.row_count for table in tables(records)] == [2]


def test_without_its_baseline_there_is_no_ratio() -> None:
    two = suite({"layer": "conv3d", "config": CONV}, {"layer": "spatial_conv", "config": CONV})
    case = two.cases[0]
    job = Job(
        variants=case.variants,
        baseline="conv3d",
        shape=(2, 4, 2, 6, 6),
        dtype="float32",
        device="cpu",
        direction="inference",
        threads=1,
        seed=0,
        rule=two.timing,
        budget=0.2,
        memory_runs=1,
    )
    peak = Peak(bytes=4096, technique="resident", runs=[4096, 4000], cross_check=3072)
    outcome = Outcome(
        failed={"conv3d": Failed(variant="conv3d", status="timeout", reason="too slow")},
        weighed={"spatial_conv": Weighed(variant="spatial_conv", peak=peak)},
        built={"spatial_conv": Built(variant="spatial_conv", cost=build("spatial_conv", **CONV).cost(job.shape))},
        timed=Timed(
            samples={"spatial_conv": Samples(seconds=[2.0, 1.0, 3.0], positions=[0, 0, 0], calls=1)},
            load=[],
            stopped=Stop.BUDGET,
            seconds=6.0,
        ),
    )
    environment = Environment.capture()
    (part,) = parts(two)
    layers = by_layer(list(PartRecords(Maker(two, part, job, environment, "run"), outcome)))
    assert {record.status for record in layers["conv3d"].values()} == {"timeout"}
    flat = layers["spatial_conv"]
    assert (flat["latency"].value, flat["latency"].no_interval) == (2.0, "fewer than 5 rounds")
    assert flat["ratio_to_baseline"].status == "skipped"
    assert "baseline conv3d" in flat["ratio_to_baseline"].reason
    memory = flat["peak_memory"]
    assert (memory.value, memory.n, memory.protocol.name) == (4096, 2, "peak_memory.resident")
    assert (memory.details["cross_check"], memory.details["disagreement"]) == (3072, -0.25)
    assert (memory.details["peaks"], memory.details["estimate"]) == ([4096, 4000], False)

    estimated = Weighed(variant="spatial_conv", peak=Peak(bytes=2**20, technique="allocator events", runs=[2**20]))
    elsewhere = replace(outcome, weighed={"spatial_conv": estimated})
    records = list(PartRecords(Maker(two, part, job, environment, "run"), elsewhere))
    memory = by_layer(records)["spatial_conv"]["peak_memory"]
    assert (memory.protocol.name, memory.details["estimate"]) == ("peak_memory.allocator_events", True)
    assert list(tables(records)[0].columns[4].cells) == ["timeout", ">= 1.0"]

    died = Failed(variant="spatial_conv", status="oom", reason="memory: too much")
    records = list(
        PartRecords(
            Maker(two, part, job, environment, "run"), replace(outcome, weighed={}, unweighed={"spatial_conv": died})
        )
    )
    flat = by_layer(records)["spatial_conv"]
    assert (flat["peak_memory"].status, flat["peak_memory"].reason) == ("oom", "memory: too much")
    assert (flat["latency"].status, flat["flops"].status) == ("ok", "ok")


_DEADLY = """
import os, signal
import torch
from torch import nn
from vidgauge.reference_models.cost import elementwise
from vidgauge.reference_models.layer import Layer
from vidgauge.reference_models.layers import LAYERS

class Base(Layer):
    takes = "video_bcthw"
    def __init__(self):
        super().__init__()
        self.in_channels = 4
        self.weight = nn.Parameter(torch.ones(1))
    def cost(self, shape):
        return elementwise(1)

@LAYERS.register("dies")
class Dies(Base):
    def forward(self, x):
        print("this is not a message")
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def _deadly_layers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Install a package from outside that adds two layers through its entry point."""
    (tmp_path / "deadly_layers.py").write_text(_DEADLY)
    info = tmp_path / "deadly_layers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: deadly-layers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[vidgauge.layer]\ndeadly = deadly_layers\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # for the workers
    monkeypatch.syspath_prepend(str(tmp_path))  # for this process, where the zoo may have been opened already
    if "dies" not in LAYERS:
        __import__("deadly_layers")


@pytest.mark.usefixtures("_deadly_layers")
def test_layers_that_die_become_records_and_the_others_are_measured(tmp_path: Path) -> None:
    both = suite({"layer": "dies"}, {"layer": "conv3d", "config": CONV})
    with Store(tmp_path / "store.sqlite") as store:
        layers = by_layer(vidgauge.bench.profile(both, store))
        assert len(store) == 2 * len(MEASURES)
    for measure in ("latency", "ratio_to_baseline", "throughput", "peak_memory"):
        record = layers["dies"][measure]
        assert (record.status, record.value) == ("failed", None)
        assert record.reason.startswith("first call: the worker was killed by SIGKILL")
    assert layers["dies"]["parameters"].status == "ok"  # known before it died
    assert all(record.status in ("ok", "skipped") for record in layers["conv3d"].values())
    assert layers["conv3d"]["latency"].value is not None
    assert all(table.caption for table in tables(record for row in layers.values() for record in row.values()))


def test_the_command_prints_json_and_fills_the_store(tmp_path: Path) -> None:
    file, store = tmp_path / "own.toml", tmp_path / "out" / "store.sqlite"
    file.write_text(
        """
        summary = "Attention backwards"
        [[cases]]
        name = "only"
        shape = [2, 4, 4, 8]
        batches = [1]
        directions = ["backward"]
        budget = 0.1
        baseline = "joint_attention"
        variants = [{ layer = "joint_attention", config = { channels = 8, heads = 2 } }]
        """
    )
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, [str(file), "--store", str(store), "--json", "--threads", "1"])
    assert result.exit_code == 0, result.output
    records = [Record.model_validate(item) for item in json.loads(result.stdout)]
    assert {record.measure.name for record in records} == MEASURES
    assert records[0].subject.config["direction"] == "backward"
    assert records[0].subject.config["backend"] == "flash_attention"
    cost = build("joint_attention", channels=8, heads=2).cost((1, 2, 4, 4, 8))
    assert by_layer(records)["joint_attention"]["flops"].value == cost.backward_flops
    with Store(store, must_exist=True) as opened:
        assert list(opened) == records


def test_what_does_not_exist_is_refused_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiling, "run_case", lambda *_: pytest.fail("it ran"))
    for given, said in (
        ("quik", "did you mean 'quick'"),
        ("nowhere.toml", "cannot read the suite"),
        (suite({"layer": "conv4d"}, baseline="conv4d"), "did you mean 'conv3d'"),
        (suite({"layer": "conv3d", "config": {"width": 3}}), "it takes"),
        (
            suite({"layer": "conv3d", "config": CONV}, shape=[3, 2, 6, 6]),
            "case 'small', conv3d: Conv3d was built for 4",
        ),
        (
            suite(
                {"layer": "joint_attention", "config": {"channels": 6, "heads": 2}, "layout": "channels_last_3d"},
                baseline="joint_attention",
            ),
            "channels_last_3d is a layout of video_bcthw",
        ),
        (
            suite(
                {"layer": "conv3d", "config": CONV}, {"layer": "joint_attention", "config": {"channels": 6, "heads": 2}}
            ),
            "do not take the same input",
        ),
    ):
        with pytest.raises(UsageError, match=said):
            vidgauge.bench.profile(given)
    with pytest.raises(UsageError, match="threads is 0"):
        vidgauge.bench.profile("quick", threads=0)
    with pytest.raises(UsageError, match="the budget is 0 s"):
        vidgauge.bench.profile("quick", budget=0)
    with pytest.raises(UsageError, match="memory limit is -1 GiB"):
        vidgauge.bench.profile("quick", memory_limit=-1)
    with pytest.raises(UsageError, match="clock 'cuda_events' is for a GPU"):
        vidgauge.bench.profile("quick", clock="cuda_events")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="no CUDA device here; profile on the CPU"):
            vidgauge.bench.profile("quick", device="cuda")
