"""``vidgauge diff``: exit status, what is printed, and that the page's commands do what it says."""

import json
import re
import shlex
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from vidgauge.cli import run
from vidgauge.datasets import write_video
from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.environment import Environment
from vidgauge.record import Measure, ProtocolRef, Record, Subject
from vidgauge.store import Store

PAGE = Path(__file__).parents[2] / "docs" / "diff.md"
HOSTILE = "<script>[red]\x1b[31m é"


def environment(cpu: str = "one") -> Environment:
    known: dict[str, Any] = {"system": "s", "python": "3", "cpu": cpu, "cpus": 1, "memory_bytes": None, "threads": 1}
    return Environment(**known, gpu=None, driver=None, libraries={}, ffmpeg={})


def make(value: float | None, name: str = "fvd", unit: str = "1", **changes: Any) -> Record:  # noqa: ANN401
    subject = Subject(kind="videos", name=HOSTILE, config={"real": ["r"], "generated": ["g"]})
    fields: dict[str, Any] = {"status": "failed", "reason": "no weights"}
    if value is not None:
        fields = {"value": value, "low": value - 1, "high": value + 1, "level": 0.95, "n": 64}
    return Record(
        subject=subject, measure=Measure(name=name, unit=unit, better="lower"),
        protocol=ProtocolRef(name=f"{name}.x", fingerprint=changes.pop("fingerprint", "a")),
        environment=environment(changes.pop("cpu", "one")).fingerprint, run="r", **fields | changes,
    )  # fmt: skip


def store(path: Path, records: Sequence[Record], cpu: str = "one") -> Path:
    with Store(path) as opened:
        for record in records:
            opened.add(record, environment(cpu))
    return path


def compare(tmp_path: Path, before: Sequence[Record], after: Sequence[Record], *options: str, cpu: str = "one") -> int:
    paths = store(tmp_path / "a.sqlite", before), store(tmp_path / "b.sqlite", after, cpu)
    return run(["diff", *map(str, paths), "--no-cache", *options])


@pytest.mark.parametrize(("value", "status"), [(10.0, 0), (5.0, 0), (10.5, 0), (20.0, 1), (None, 1)])
def test_the_exit_status_says_whether_a_score_got_worse(
    value: float | None, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(tmp_path, [make(10.0)], [make(value)], "--json") == status
    data = json.loads(capsys.readouterr().out)
    assert data["passed"] == (status == 0)
    verdict = {10.0: "equal", 5.0: "better", 10.5: "undecided", 20.0: "worse", None: "broken"}[value]
    assert [score["verdict"] for score in data["scores"]] == [verdict]
    if value == 20.0:
        assert data["scores"][0]["test"]["paired"] is False
        assert data["scores"][0]["p"] < 1e-6


def test_times_are_shown_and_never_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slow = make(9.0, "latency", "s", cpu="two")
    assert compare(tmp_path, [make(1.0, "latency", "s")], [slow], cpu="two") == 0
    said = capsys.readouterr().out
    assert "+800.0%" in said
    assert "Not judged" in said
    assert "more, or without" not in said
    assert "profile SUITE --fail-if slower" in said


def test_it_prints_what_it_rests_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = [make(10.0), make(3.0, "kvd"), make(2.0, "is"), make(None, "fid")]
    after = [make(10.0, cpu="two"), make(9.0, "kvd", fingerprint="b", cpu="two"), make(1.0, "lpips", cpu="two")]
    after.append(make(None, "fid", cpu="two"))
    assert compare(tmp_path, before, after, cpu="two") == 0
    said = capsys.readouterr().out
    assert "not paired: the records do not say which videos they are about" in said
    assert "other environments: cpu one, then two" in said
    assert "incomparable" in said
    assert "no value in either run" in said
    assert "only in" in said
    assert "is.x" in said
    assert "\x1b[31m" not in said
    assert said.endswith("1 equal; changes up to 0.01 of a score do not matter\n")


def test_a_gate_that_compares_nothing_does_not_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(tmp_path, [make(10.0)], [make(10.0, fingerprint="b")]) == 2
    assert "no score could be compared" in capsys.readouterr().out
    (tmp_path / "other").mkdir()
    assert compare(tmp_path / "other", [make(None)], [make(None)], "--json") == 2
    assert len(json.loads(capsys.readouterr().out)["without_value"]) == 1


def one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["diff", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_what_cannot_be_compared_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = str(store(tmp_path / "good.sqlite", [make(1.0)]))
    assert "are one file" in one_line([good, good], capsys)
    assert "is a folder" in one_line([good, str(tmp_path)], capsys)
    assert "No such file" in one_line([good, str(tmp_path / "nothing")], capsys)
    assert "holds no records" in one_line([good, str(store(tmp_path / "none.sqlite", []))], capsys)
    other = str(store(tmp_path / "other.sqlite", [make(1.0, "is")]))
    assert "has its like in" in one_line([good, other], capsys)
    with sqlite3.connect(tmp_path / "foreign.sqlite") as foreign:
        foreign.execute("CREATE TABLE t (x)")
    foreign.close()
    assert "another program's database" in one_line([good, str(tmp_path / "foreign.sqlite")], capsys)
    for name, text, said in (
        ("a.json", "{", "is not a document of records"),
        ("b.json", "[1]", "is not a list of records"),
        ("c.txt", "hello", "is neither a store nor"),
        ("d.csv", "a,b\n", "no column name, measure, value"),
        ("e.json", "", "is empty"),
    ):
        (tmp_path / name).write_text(text)
        assert said in one_line([good, str(tmp_path / name)], capsys)
    assert "--no-cache" in one_line([good, other, "--no-cache", "--cache", "c"], capsys)


def test_documents_of_records_stand_for_stores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = store(tmp_path / "a.sqlite", [make(10.0)])
    with Store(path) as opened:
        opened.export_json(tmp_path / "a.json")
    (tmp_path / "list.json").write_text(f"[{make(20.0).model_dump_json()}]")
    assert run(["diff", str(tmp_path / "a.json"), str(tmp_path / "list.json"), "--no-cache"]) == 1
    assert "1 worse" in capsys.readouterr().out


@pytest.mark.long
def test_the_commands_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, seed, darker in (("real", 1, 0), ("base", 2, 0), ("mine", 2, 40)):
        for number, sample in enumerate(MovingShapes(frames=16, height=32, width=32, seed=seed, count=10)):
            write_video(tmp_path / "videos" / name / f"{number}.npy", sample.frames_thwc.clamp(min=darker), sample.fps)
    tests = []
    for command in re.findall(r"^vidgauge (.*)$", PAGE.read_text("utf-8"), re.MULTILINE):
        words = shlex.split(command)
        if words[0] == "score" and "--protocol" not in words:  # all five take their time
            words += ["--protocol", "fvd.shapes", "--protocol", "frame-consistency.shapes"]
        status = run([*words, "--json"] if words[0] == "diff" else words)
        printed = capsys.readouterr().out
        if words[0] == "diff":
            data = json.loads(printed)
            assert status == int(not data["passed"])
            tests.append([score["test"]["paired"] for score in data["scores"]])
        else:
            assert status == 0
    assert [set(paired) for paired in tests] == [{True}, {True}]
