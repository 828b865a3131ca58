import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vidgauge.cli import run
from vidgauge.environment import Environment
from vidgauge.errors import UsageError
from vidgauge.record import Measure, ProtocolRef, Record
from vidgauge.reports import paper_table
from vidgauge.reports.configuration import NOT_SAID
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.reports.papers import PAPERS
from vidgauge.reports.vote.results import PREFERENCE
from vidgauge.reports.vote.study import QUESTIONS
from vidgauge.store import Store

Make = Callable[..., Record]
TABLE_2 = "make-a-video-table-2"


def _rows(text: str) -> list[list[str]]:
    """The table's rows below its head, split at the pipes that are not escaped."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def _named(text: str, name: str) -> list[list[str]]:
    return [row for row in _rows(text) if row[0] == name]


@pytest.fixture
def measured(make_record: Make) -> list[Record]:
    """Three systems under one protocol, a fourth under another, one without a value, one that ties."""
    world = {"details": {"world": "embedded"}}
    other = ProtocolRef(name="fvd.other", fingerprint="bbbbbbbbbbbbbbbb")
    return [
        make_record("fvd", 30.0, half_width=2.0, name="ours", **world),
        make_record("is", 5.0, half_width=0.25, name="ours", **world),
        make_record("fvd", 31.0, half_width=2.0, name="near", **world),
        make_record("fvd", 90.0, half_width=2.0, name="far", **world),
        make_record("fvd", None, name="lost", reason="no videos", **world),
        make_record("fvd", 1.0, name="elsewhere", protocol=other),
    ]


def test_the_shapes_are_those_of_the_paper() -> None:
    heads = {name: paper_table(name).splitlines()[2] for name in PAPERS}
    assert heads["make-a-video-table-1"] == "| method | zero shot | samples per input | from | fid ↓ | clipsim ↑ |"
    assert heads[TABLE_2] == "| method | pretrained | class labels | resolution | from | is ↑ | fvd ↓ |"
    assert heads["make-a-video-table-3"] == (
        "| method | against | dataset | prompts | from | quality majority ↑ (%) | faithfulness majority ↑ (%) |"
    )
    rows = _rows(paper_table(TABLE_2))
    assert {len(row) for row in rows} == {7}
    settings = [row[0] for row in rows if row[0].startswith("*")]
    assert settings[:2] == ["*Published, zero-shot*", "*Published, fine-tuned*"]
    assert rows[0][0] == "*Published, zero-shot*"
    assert [row[0] for row in rows[1:4]] == [
        "CogVideo (Chinese) (Hong et al. 2022)",
        "CogVideo (English) (Hong et al. 2022)",
        "Make-A-Video",
    ]


def test_measured_rows_stand_below_and_are_ranked_among_themselves(measured: list[Record]) -> None:
    text = paper_table(TABLE_2, measured)
    rows = [row[0] for row in _rows(text)]
    heading = "*Measured here, in the embedded Moving Shapes world, which says nothing outside it*"
    assert rows.index("Make-A-Video") < rows.index(heading) < rows.index("ours") < rows.index("far")
    assert rows.index("far") < rows.index("*Measured here*") < rows.index("elsewhere")
    assert "**30.0** ± 2.0" in _named(text, "ours")[0][-1]
    assert "<ins>31.0</ins> ± 2.0 ≈" in _named(text, "near")[0][-1]
    assert _named(text, "far")[0][-1].startswith("90.0 ± 2.0")
    for row in _rows(text):
        if "Published" not in row[0] and row[4] != "measured here":
            assert not re.search(r"\*\*|<ins>|≈", "".join(row[5:])), row
    assert not re.search(r"\*\*|<ins>", _named(text, "elsewhere")[0][-1])


def test_footnotes_say_by_what_and_why_not(measured: list[Record]) -> None:
    text = paper_table(TABLE_2, measured)
    assert "measured by fvd.shapes (aaaaaaaaaaaaaaaa), 95 % interval, real videos: data/real" in text
    assert "failed: no videos" in text
    assert _named(text, "lost")[0][-1].startswith("failed")
    assert "Embedded Moving Shapes world: honest inside it, says nothing outside it" in text
    marks = re.findall(r"^<sup>(\w+)</sup> ", text, re.MULTILINE)
    first_uses = list(dict.fromkeys(re.findall(r"\w+", " ".join(re.findall(r"\|.*?<sup>([\w,]+)</sup>", text)))))
    assert first_uses == [mark for mark in marks if mark in first_uses]  # letters follow the reading order


def test_scores_under_two_protocols_are_two_rows_that_say_which(make_record: Make) -> None:
    other = ProtocolRef(name="fvd.other", fingerprint="bbbbbbbbbbbbbbbb")
    text = paper_table(TABLE_2, [make_record("fvd", 3.0), make_record("fvd", 4.0, protocol=other)])
    rows = _named(text, "samples")
    assert [row[-1][0] for row in rows] == ["3", "4"]
    assert rows[0][-1] != rows[1][-1].replace("4", "3")  # other footnotes


def test_numbers_from_two_worlds_never_share_a_row(make_record: Make) -> None:
    embedded = make_record("is", 5.0, details={"world": "embedded"})
    text = paper_table(TABLE_2, [make_record("fvd", 3.0), embedded])
    assert [[bool(cell) for cell in row[5:]] for row in _named(text, "samples")] == [[False, True], [True, False]]


def test_choices_are_about_what_was_measured(measured: list[Record]) -> None:
    text = paper_table(TABLE_2, measured, subjects=["far", "ours"])
    rows = [row[0] for row in _rows(text)]
    assert "near" not in rows
    assert rows.index("far") < rows.index("ours")
    assert "Make-A-Video" in rows
    with pytest.raises(UsageError, match="no record has the subject 'our'"):
        paper_table(TABLE_2, measured, subjects="our")


def test_preferences_are_shares_written_as_per_cent(make_record: Make) -> None:
    majority = Measure(name="quality_majority", unit="1", better="higher")
    fields: dict[str, Any] = {"kind": "human preference", "measure": majority}
    config = {"against": "theirs", "prompts": 40, "study": "f"}
    record = make_record("is", 0.725, name="ours", config=config, low=0.57, high=0.84, level=0.95, no_interval="")
    record = record.model_copy(
        update={"measure": majority, "subject": record.subject.model_copy(update={"kind": fields["kind"]})}
    )
    (row,) = _named(paper_table("make-a-video-table-3", [record]), "ours")
    assert row[:5] == ["ours", "theirs", NOT_SAID, "40", "measured here"]
    assert row[5].startswith("72 [57, 84]")


def test_csv_holds_every_value_with_its_certainty(measured: list[Record]) -> None:
    lines = list(csv.DictReader(io.StringIO(paper_table(TABLE_2, measured, "csv"))))
    assert {line["environment"] for line in lines} >= {"published"}
    (ours,) = [line for line in lines if (line["name"], line["measure"]) == ("ours", "fvd")]
    assert (float(ours["value"]), ours["rank"], ours["place"]) == (30.0, "best", "1")
    assert not any(line["rank"] or line["place"] for line in lines if line["environment"] == "published")
    vdm = [line for line in lines if line["name"] == "VDM" and "fine-tuned" in line["config"]]
    assert [line["value"] for line in vdm] == ["57.8"]
    assert "read in the table itself" in vdm[0]["notes"]


def test_names_are_escaped(hostile_text: str, make_record: Make) -> None:
    record = make_record("fvd", 1.0, name=hostile_text)
    for text in (paper_table(TABLE_2, [record]), paper_table(TABLE_2, [record], "html")):
        assert "<script>" not in text
    assert {len(row) for row in _rows(paper_table(TABLE_2, [record]))} == {7}


def test_pages_take_them_as_layouts(measured: list[Record]) -> None:
    text = LAYOUTS[TABLE_2](measured)
    assert text.startswith(
        "**Videos of the classes of UCF-101, in the shape of Table 2 of Make-A-Video**\n\n| method |"
    )
    assert _named(text, "ours")


def test_what_does_not_belong_in_a_table_is_not_in_it(measured: list[Record], make_record: Make) -> None:
    latency = make_record("latency", 1.0, kind="layer")
    assert paper_table(TABLE_2, [latency, *measured]) == paper_table(TABLE_2, measured)
    with pytest.raises(
        UsageError, match="none of 1 measured records belongs in 'make-a-video-table-1', which shows fid"
    ):
        paper_table("make-a-video-table-1", [latency])


def test_the_third_table_is_of_what_a_study_measures() -> None:
    paper = PAPERS["make-a-video-table-3"]
    assert paper.kinds == (PREFERENCE,)
    assert paper.measures == tuple(f"{question}_majority" for question in QUESTIONS)


@pytest.fixture
def store(tmp_path: Path, measured: list[Record], environment: Environment) -> Path:
    path = tmp_path / "records.sqlite"
    with Store(path) as opened:
        for record in measured:
            opened.add(record, environment)
    return path


def test_the_command_prints_one(store: Path, measured: list[Record], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["table", TABLE_2, str(store), "--format", "latex"]) == 0
    assert capsys.readouterr().out == paper_table(TABLE_2, measured, "latex")
    assert run(["table", TABLE_2, str(store), "--unverified", "--subject", "ours", "--protocol", "fvd.*"]) == 0
    text = capsys.readouterr().out
    assert text == paper_table(TABLE_2, measured, unverified=True, subjects="ours", protocols="fvd.*")
    assert "unverified: check it" in text
    assert run(["table", TABLE_2]) == 0
    assert capsys.readouterr().out == paper_table(TABLE_2)


def test_what_cannot_be_is_one_line(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Store(tmp_path / "empty.sqlite").close()
    for arguments, status, words in (
        ([TABLE_2, str(tmp_path / "empty.sqlite")], 2, "holds no records"),
        (["make-a-video-table-1", str(store)], 2, "none of 6 measured records belongs in"),
        (["make-a-video"], 2, "there is no paper's table 'make-a-video'; did you mean"),
        ([TABLE_2, str(tmp_path / "none.sqlite")], 1, "no store at"),
        ([TABLE_2, str(store), "--protocol", "fvd.tf"], 2, "no record has the protocol 'fvd.tf'"),
    ):
        assert run(["table", *arguments]) == status
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
