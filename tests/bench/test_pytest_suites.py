"""Suites as benchmarks of pytest-benchmark, and their JSON as records; nothing is timed with care."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from vidgauge.bench import case_records, pytest_suites
from vidgauge.bench.benchmark_json import read_benchmarks
from vidgauge.bench.messages import Job
from vidgauge.bench.parts import parts
from vidgauge.bench.suite import read_suite
from vidgauge.bench.timing.rounds import TimingRule
from vidgauge.cli import run
from vidgauge.environment import Environment
from vidgauge.errors import VidgaugeError
from vidgauge.record import Record
from vidgauge.store import Store

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pytest_benchmark") is None, reason="pytest-benchmark is not installed"
)
SUITE = """
summary = "as small as can be"
threads = 1

[[cases]]
name = "tiny"
shape = [4, 2, 4, 4]
directions = ["inference", "backward"]
budget = 0.1
baseline = "whole"
variants = [
    { layer = "conv3d", label = "whole", config = { in_channels = "C", out_channels = "C" } },
    { layer = "conv2plus1d", config = { in_channels = "C", out_channels = "C" } },
]

[[cases]]
name = "elsewhere"
shape = [4, 2, 4, 4]
directions = ["inference"]
devices = ["cuda"]
budget = 0.1
baseline = "conv3d"
variants = [{ layer = "conv3d", config = { in_channels = "C", out_channels = "C" } }]
"""
PLUGIN = ["-p", "vidgauge.bench.pytest_suites", "-p", "no:cacheprovider"]
QUICKLY = ["--benchmark-max-time=0.001", "--benchmark-min-rounds=5"]


def pytest_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "pytest", "-rs", "-W", "error", *PLUGIN, *arguments]
    # A worker of pytest-xdist says so in its environment, and pytest-benchmark would time nothing.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The JSON of a run in a folder that has a test of its own, and what pytest said."""
    folder = tmp_path_factory.mktemp("ran")
    (folder / "tiny.toml").write_text(SUITE)
    (folder / "test_not_ours.py").write_text("def test_fails():\n    assert False\n")
    ended = pytest_in(folder, "--vidgauge-suite=tiny.toml", "--benchmark-only", "--benchmark-json=out.json", *QUICKLY)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder / "out.json", ended.stdout


@pytest.fixture
def document(ran: tuple[Path, str]) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(ran[0].read_text())
    return parsed


def test_one_benchmark_for_each_part_and_variant(ran: tuple[Path, str], document: dict[str, Any]) -> None:
    found = [(each["group"], each["param"]) for each in document["benchmarks"]]
    groups = ["tiny-float32-inference-1x4x2x4x4", "tiny-float32-backward-1x4x2x4x4"]
    assert sorted(found) == sorted((group, f"{group}-{name}") for group in groups for name in ("whole", "conv2plus1d"))
    assert "4 passed, 1 skipped" in ran[1]
    assert "the case is for cuda only" in ran[1]


def test_each_tells_what_it_is_and_costs(document: dict[str, Any]) -> None:
    facts = document["benchmarks"][0]["extra_info"]["vidgauge"]
    assert facts["baseline"] == "whole"
    assert facts["cost"]["forward_flops"] == 2 * 4 * 4 * 27 * 2 * 4 * 4
    assert facts["config"]["backend"]
    assert facts["config"]["layer_config"] == {"in_channels": 4, "out_channels": 4}


@pytest.mark.parametrize(
    ("suite", "installed", "said"),
    [("quick", False, "pip install pytest-benchmark"), ("quik", True, "did you mean 'quick'")],
)
def test_what_cannot_run_is_refused_before_anything_runs(suite: str, installed: bool, said: str) -> None:
    options = {"--vidgauge-suite": suite, "--vidgauge-device": "cpu"}
    config = SimpleNamespace(
        getoption=options.get, pluginmanager=SimpleNamespace(hasplugin=lambda _: installed), stash={}
    )
    with pytest.raises(pytest.UsageError, match=said):
        pytest_suites.pytest_configure(cast("pytest.Config", config))


def test_an_import_has_the_environment_and_the_rounds(ran: tuple[Path, str], document: dict[str, Any]) -> None:
    records, environment = read_benchmarks(ran[0])
    assert environment == Environment(**Environment.capture().model_dump() | dict.fromkeys(["threads"], 1))
    for record, benchmark in zip(records, document["benchmarks"], strict=True):
        assert record.subject.kind == "layer"
        assert record.environment == environment.fingerprint
        assert record.protocol.name == "latency.pytest-benchmark"
        assert (record.measure.name, record.measure.unit) == ("latency", "s")
        assert record.value == pytest.approx(benchmark["stats"]["median"], rel=1e-12)
        assert record.n == benchmark["stats"]["rounds"] == len(record.details["seconds"])
        assert record.low is not None
    assert len({record.protocol.fingerprint for record in records}) == 2  # one for each direction


def test_an_import_names_layers_as_a_profile_does(ran: tuple[Path, str]) -> None:
    records, environment = read_benchmarks(ran[0])
    suite = read_suite(ran[0].with_name("tiny.toml"))
    part = next(parts(suite))
    job = Job(
        variants=list(part.variants), baseline="whole", shape=part.shape, dtype="float32", device="cpu",
        direction="inference", threads=1, seed=0, rule=TimingRule(), budget=1.0, memory_runs=1,
    )  # fmt: skip
    maker = case_records.Maker(suite, part, job, environment, "run")
    backend = records[0].subject.config["backend"]
    ours = maker.record(
        part.variants[0], case_records.LATENCY, records[0].protocol, backends=[backend], value=1.0, no_interval="none"
    )
    assert records[0].subject == ours.subject


def changed(document: dict[str, Any], tmp_path: Path) -> list[Record]:
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(document))
    return read_benchmarks(path)[0]


def test_settings_change_the_protocol_and_rounds_do_not(document: dict[str, Any], tmp_path: Path) -> None:
    (first, *_) = changed(document, tmp_path)
    document["benchmarks"][0]["stats"]["iterations"] = 77
    assert changed(document, tmp_path)[0].protocol == first.protocol
    document["benchmarks"][0]["options"]["disable_gc"] = True
    assert changed(document, tmp_path)[0].protocol != first.protocol


def test_without_single_rounds_there_is_no_interval(document: dict[str, Any], tmp_path: Path) -> None:
    for benchmark in document["benchmarks"]:
        del benchmark["stats"]["data"]
    (first, *_) = changed(document, tmp_path)
    assert first.value == document["benchmarks"][0]["stats"]["median"]
    assert first.low is None
    assert "--benchmark-save-data" in first.no_interval


def test_other_benchmarks_keep_their_name_and_stand_alone(document: dict[str, Any], tmp_path: Path) -> None:
    """Threads and GPU are not known, so that no other file's environment may count as equal."""
    del document["machine_info"]["vidgauge"]
    document["benchmarks"] = document["benchmarks"][:1]
    document["benchmarks"][0] |= {"extra_info": {"note": 1}, "fullname": "test_mine.py::test_sum", "params": None}
    (record,) = changed(document, tmp_path)
    assert (record.subject.kind, record.subject.name) == ("benchmark", "test_mine.py::test_sum")
    assert record.code == ""
    assert "threads" in record.details["environment_not_known"]
    document["datetime"] = "2020-01-01T00:00:00"
    (other,) = changed(document, tmp_path)
    assert other.environment != record.environment
    assert other.time.isoformat() == "2020-01-01T00:00:00+00:00"


@pytest.mark.parametrize("content", ['{"records": [], "environments": {}}', '{"machine_info":', "[1]", "\xff"])
def test_what_is_no_such_file_is_refused_in_a_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(VidgaugeError, match="is not a JSON file of pytest-benchmark"):
        read_benchmarks(path)


def test_the_command_imports_a_file_once(
    ran: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store.sqlite"
    command = ["import", str(ran[0]), "--store", str(store)]
    assert run(command) == 0
    assert capsys.readouterr().out == f"4 records of {ran[0]} in {store}\n"
    assert run(command) == 1
    assert "already" in capsys.readouterr().err
    assert run(["import", str(tmp_path / "missing.json"), "--store", str(store)]) == 2
    with Store(store) as opened:
        assert len(opened) == 4
