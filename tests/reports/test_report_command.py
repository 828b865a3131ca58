import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from vidgauge import cli
from vidgauge.environment import Environment
from vidgauge.record import Record
from vidgauge.store import Store

NAMES = {"html": "index.html", "markdown": "tables.md", "latex": "tables.tex", "csv": "records.csv"}


@pytest.fixture
def store(tmp_path: Path, store_records: list[Record], environment: Environment) -> Path:
    path = tmp_path / "vidgauge.sqlite"
    with Store(path) as opened:
        for record in store_records:
            opened.add(record, environment)
    return path


def test_it_writes_all_formats_and_prints_their_paths(
    store: Path, tmp_path: Path, store_records: list[Record], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a" / "report"
    assert cli.run(["report", str(store), "--out", str(out)]) == 0
    assert capsys.readouterr().out.split() == [str(out / name) for name in NAMES.values()]
    assert sorted(path.name for path in out.iterdir()) == sorted(NAMES.values())
    with (out / "records.csv").open(encoding="utf-8", newline="") as file:
        csv.field_size_limit(10**9)
        assert len(list(csv.DictReader(file))) == len(store_records)  # the superseded one as well


def test_json_and_chosen_formats(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "report"
    assert cli.run(["report", str(store), "--out", str(out), "--format", "latex", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"latex": str(out / "tables.tex")}
    assert [path.name for path in out.iterdir()] == ["tables.tex"]


def test_a_choice_and_parquet(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    command = ["report", str(store), "--out", str(out), "--measure", "is", "--measure", "fvd", "--subject", "v*"]
    assert cli.run([*command, "--format", "parquet", "--format", "markdown"]) == 0
    assert "| videos | is ↑ | fvd ↓" in (out / "tables.md").read_text()
    frame = pd.read_parquet(out / "records.parquet")
    assert set(frame["measure.name"]) == {"is", "fvd"}
    assert set(frame["subject.name"]) == {"vdm-tiny"}
    assert cli.run([*command, "--format", "parquet"]) == 0  # over its own
    frame[["value"]].to_parquet(out / "records.parquet")
    assert cli.run([*command, "--format", "parquet"]) == 2


def test_published_numbers_stand_beside_what_was_measured(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    command = ["report", str(store), "--out", str(out), "--videos", "0"]
    command += ["--measure", "fvd", "--published", "make-a-video*"]
    assert cli.run(command) == 0
    text = (out / "tables.md").read_text()
    assert "## Generated videos" in text
    assert "## Published numbers: UCF-101" in text
    assert "clipsim" not in text  # the choice of measures is about papers too
    papers = text[text.index("## Published numbers: UCF-101") :]
    assert "source Make-A-Video, Table 2" in papers
    rows = [line for line in papers.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 8
    assert not any("**" in row or "<ins>" in row for row in rows)
    html = (out / "index.html").read_text()
    assert "Published numbers: UCF-101" in html
    assert "arXiv 2209.14792, Table 2" in html
    assert "Measured 1 March 2026" in html  # and not in the years of the papers
    lines = (out / "records.csv").read_text().splitlines()
    assert sum(line.startswith("published,") for line in lines) == 8


def test_a_second_report_replaces_the_first_and_nothing_else(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    command = ["report", str(store), "--out", str(out)]
    assert cli.run(command) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (out / "notes.txt").write_text("mine")
    assert cli.run(command) == 0
    assert (out / "notes.txt").read_text() == "mine"
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.name != "notes.txt"} == before


@pytest.mark.parametrize("name", NAMES.values())
def test_somebody_elses_file_is_not_overwritten(
    store: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "site"
    out.mkdir()
    (out / name).write_text("mine")
    assert cli.run(["report", str(store), "--out", str(out)]) == 2
    assert "was not written by 'vidgauge report'" in capsys.readouterr().err
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [(name, "mine")]


def test_what_cannot_be_is_one_line(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Store(tmp_path / "empty.sqlite").close()
    (tmp_path / "file").write_text("")
    for arguments, status, words in (
        ([str(tmp_path / "none.sqlite")], 1, "no store at"),
        ([str(tmp_path / "empty.sqlite")], 2, "holds no records"),
        ([str(store), "--out", str(tmp_path / "file")], 2, "is a file"),
        ([str(store), "--format", "pdf"], 2, "no report format 'pdf'"),
        ([str(store), "--published", "make"], 2, "there is no publication 'make'"),
        (
            [str(store), "--published", "walt", "--measure", "latency"],
            2,
            "no published number is of the measures latency",
        ),
        ([str(store), "--unverified"], 2, "say which with --published"),
        ([str(store), "--measure", "fdv"], 2, "no record has the measure 'fdv'; did you mean 'fvd'"),
    ):
        assert cli.run(["report", *arguments]) == status
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
    assert not (tmp_path / "none.sqlite").exists()
