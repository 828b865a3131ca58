"""Latencies as JSON of pytest-benchmark and back, and what ``vidgauge import`` and ``export`` do with files."""

import importlib
import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidgauge.bench.benchmark_files import summary, write_benchmarks
from vidgauge.bench.benchmark_json import read_benchmarks
from vidgauge.bench.case_records import LATENCY, PEAK_MEMORY
from vidgauge.cli import run
from vidgauge.environment import Environment
from vidgauge.errors import VidgaugeError
from vidgauge.record import ProtocolRef, Record, Subject
from vidgauge.store import Store

PAGE = Path(__file__).parents[2] / "docs" / "exchange.md"
HERE = Environment(
    system="Linux 6.1", python="3.11.7", cpu="A CPU", cpus=2, memory_bytes=None, threads=1, gpu=None, driver=None,
    libraries={}, ffmpeg={}, commit="abc", dirty=True,
)  # fmt: skip
needs_pytest_benchmark = pytest.mark.skipif(
    importlib.util.find_spec("pytest_benchmark") is None, reason="pytest-benchmark is not installed"
)


def latency(name: str = "conv3d", run: str = "run-1", **changes: Any) -> Record:  # noqa: ANN401 - any field
    config = {"case": "mid", "dtype": "float32", "direction": "inference", "shape": [1, 4, 2], "device": "cpu"}
    seconds = [0.001 * step for step in (3, 4, 5, 3.5, 100)]
    fields: dict[str, Any] = {"measure": LATENCY, "value": 0.004, "no_interval": "few", "n": 5, "code": "abc+changes"}
    fields |= {"subject": Subject(kind="layer", name=name, config=config), "details": {"seconds": seconds, "calls": 3}}
    fields |= {"protocol": ProtocolRef(name="latency.interleaved", fingerprint="0"), "run": run}
    return Record(environment=HERE.fingerprint, **fields | changes)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "mine.sqlite"
    memory = latency(measure=PEAK_MEMORY, details={})
    with Store(path) as opened:
        for record in (
            latency(),
            latency("pseudo <b>"),
            memory,
            latency(run="run-2"),
            latency(details={}, run="run-2"),
        ):
            opened.add(record, HERE)
    return path


@needs_pytest_benchmark
@pytest.mark.parametrize("rounds", [1, 2, 3, 4, 5, 6, 7, 8, 21])
def test_the_summary_is_pytest_benchmarks(rounds: int) -> None:
    theirs = importlib.import_module("pytest_benchmark.stats").Stats()
    for value in np.random.default_rng(rounds).lognormal(sigma=1.5, size=rounds).tolist():
        theirs.update(value)
    ours, wanted = summary(theirs.data), theirs.as_dict()
    assert (ours.pop("data"), ours.pop("outliers")) == (theirs.data, wanted.pop("outliers"))
    assert ours == pytest.approx(wanted, rel=1e-12, abs=1e-15)


def test_a_file_for_each_run_gives_the_same_records_back(store: Path, tmp_path: Path) -> None:
    with Store(store) as opened:
        records = list(opened)
        files, left_out = write_benchmarks(tmp_path / "out", opened, opened.environments())
    assert [file.name for file in files] == ["0001_run-1.json", "0002_run-2.json"]
    assert left_out == 2
    assert read_benchmarks(files[0]) == (records[:2], HERE)
    assert read_benchmarks(files[1]) == (records[3:4], HERE)
    document = json.loads(files[0].read_text("utf-8"))
    document["machine_info"]["vidgauge"]["cpu"] = "another"
    files[0].write_text(json.dumps(document), "utf-8")
    with pytest.raises(VidgaugeError, match="its record names environment"):
        read_benchmarks(files[0])


@needs_pytest_benchmark
def test_pytest_benchmark_compares_what_was_exported(store: Path, tmp_path: Path) -> None:
    assert run(["export", str(store), "--out", str(tmp_path / "out"), "--format", "pytest-benchmark"]) == 0
    files = sorted(map(str, (tmp_path / "out").iterdir()))
    command = [sys.executable, "-P", "-m", "pytest_benchmark", "compare", *files]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("conv3d[mid-float32-inference-1x4x2-cpu]") == 2
    assert "4.0000" in ended.stdout  # the median, ms


@pytest.mark.parametrize("name", ["records.csv", "records.json"])
def test_whole_stores_come_back(name: str, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again, out = tmp_path / "again.sqlite", tmp_path / name
    assert run(["export", str(store), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 5 records\n"
    command = ["import", str(out), "--store", str(again)]
    assert run(command) == 0
    with Store(store) as first, Store(again) as second:
        assert list(first) == list(second)
        assert first.environments() == second.environments()
    assert run(command) == 1
    assert "already" in capsys.readouterr().err


def test_an_import_that_was_cut_off_goes_on(store: Path, tmp_path: Path) -> None:
    half, out = tmp_path / "half.sqlite", tmp_path / "records.csv"
    assert run(["export", str(store), "--out", str(out)]) == 0
    with Store(store) as opened, Store(half) as begun:
        begun.add(next(iter(opened)), HERE)
    assert run(["import", str(out), "--store", str(half)]) == 0
    with Store(half) as opened:
        assert len(opened) == 5


def test_nothing_is_added_where_one_file_is_wrong(store: Path, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text("name,measure,value\na,fvd,1\n")
    (tmp_path / "bad.csv").write_text("name,measure,value\na,fvd,x\n")
    assert run(["import", str(tmp_path / "good.csv"), str(tmp_path / "bad.csv"), "--store", str(store)]) == 2
    with Store(store) as opened:
        assert len(opened) == 5


def test_what_cannot_be_done_is_one_line(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*arguments: str) -> str:
        assert run(list(arguments)) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "neither .csv nor .json" in refused("export", str(store), "--out", str(tmp_path / "x.txt"))
    assert "is the store itself" in refused("export", str(store), "--out", str(store), "--format", "csv")
    assert "is a folder" in refused("export", str(store), "--out", str(tmp_path), "--format", "csv")
    assert "is a file" in refused(
        "export", str(store), "--out", str(store.parent / __file__), "--format", "pytest-benchmark"
    )
    with Store(tmp_path / "none.sqlite"):
        pass
    assert "holds no records" in refused("export", str(tmp_path / "none.sqlite"), "--out", str(tmp_path / "x.csv"))
    (tmp_path / "list.json").write_text(f"[{latency().model_dump_json()}]")
    assert "does not describe environment" in refused("import", str(tmp_path / "list.json"))
    scores = Record.model_validate(latency().model_dump() | {"details": {}})
    with Store(tmp_path / "scores.sqlite") as opened:
        opened.add(scores, HERE)
    lost = refused(
        "export", str(tmp_path / "scores.sqlite"), "--out", str(tmp_path / "o"), "--format", "pytest-benchmark"
    )
    assert "no latency with its single rounds" in lost


def test_the_commands_of_the_page(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Store(store) as opened:
        (file,), _ = write_benchmarks(tmp_path / "made", list(opened)[3:4], opened.environments())
    document = json.loads(file.read_text("utf-8"))
    document["benchmarks"][0]["extra_info"] = {}
    Path("benchmarks.json").write_text(json.dumps(document), "utf-8")
    text = PAGE.read_text("utf-8")
    (table,) = re.findall(r"```csv\n(.*?)```", text, re.DOTALL)
    Path("results.csv").write_text(table, "utf-8")
    commands = re.findall(r"^vidgauge (.*)$", text, re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        assert run(shlex.split(command)) == 0, command
    with Store(store) as opened:
        ours, theirs = list(opened)[-2:]
    assert (ours.value, ours.low, theirs.value, theirs.subject.name) == (312.5, 298.1, 334.0, "their model")
