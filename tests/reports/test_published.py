"""Published numbers, against a second transcription of Make-A-Video's tables."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from vidgauge.cli import run
from vidgauge.errors import UsageError
from vidgauge.record import Record
from vidgauge.reports import published_records, table
from vidgauge.reports.comparison import compare
from vidgauge.reports.publications import Publication
from vidgauge.reports.published import PUBLICATIONS
from vidgauge.reports.ranking import standings

Make = Callable[..., Record]

MSR_VTT = """
GODIVA - 0.2402
NÜWA 47.68 0.2439
CogVideo (Chinese) 24.78 0.2614
CogVideo (English) 23.59 0.2631
Make-A-Video 13.17 0.3049
"""
UCF101 = """
CogVideo (Chinese) 23.55 751.34
CogVideo (English) 25.27 701.59
Make-A-Video 33.00 367.23
TGANv2 26.60±0.47 -
DIGAN 32.70±0.35 577±22
MoCoGAN-HD 33.95±0.25 700±24
CogVideo 50.46 626
VDM 57.80±1.3 -
TATS-base 79.28±0.38 278±11
Make-A-Video 82.55 81.25
"""
PREFERENCE = """
VDM 84.38 78.13
CogVideo (Chinese) 76.88 73.37
CogVideo (English) 74.48 68.75
CogVideo (Chinese) 73.44 75.74
CogVideo (English) 77.15 71.19
"""


@pytest.mark.parametrize(
    ("name", "text", "measures", "called"),
    [
        ("make-a-video-msr-vtt", MSR_VTT, ("fid", "clipsim"), "name"),
        ("make-a-video-ucf101", UCF101, ("is", "fvd"), "name"),
        ("make-a-video-preference", PREFERENCE, ("quality_majority", "faithfulness_majority"), "against"),
    ],
)
def test_make_a_videos_tables(name: str, text: str, measures: tuple[str, str], called: str) -> None:
    lines = [line.rsplit(" ", 2) for line in text.strip().splitlines()]
    for measure, column in zip(measures, (1, 2), strict=True):
        expected = [(line[0], *line[column].split("±")) for line in lines if line[column] != "-"]
        records = [record for record in published_records(name) if record.measure.name == measure]
        found = [
            (
                record.subject.name if called == "name" else record.subject.config["against"],
                *filter(None, (record.details["printed"][key] for key in ("value", "plus_minus"))),
            )
            for record in records
        ]
        assert found == expected
        factor = 100 if called == "against" else 1
        assert [record.value for record in records] == [float(line[1]) / factor for line in expected]


def test_every_publication_gives_records_that_say_where_they_are_from() -> None:
    for name in PUBLICATIONS:
        publication = PUBLICATIONS[name]
        records = list(publication.records(unverified=True))
        assert records
        for record in records:
            assert record.details["citation"] in record.details["notes"][0]
            assert publication.paper.arxiv in record.details["citation"]
            assert record.subject.config["dataset"]
        keys = [(record.subject.model_dump_json(), record.measure.name) for record in records]
        assert len(set(keys)) == len(keys)  # else one would supersede the other


def test_unverified_numbers_are_left_out_unless_asked_for() -> None:
    shown, everything = published_records(), published_records(unverified=True)
    assert "unverified" not in {record.details["certainty"] for record in shown}
    extra = [record for record in everything if record not in shown]
    assert extra
    assert {record.details["certainty"] for record in extra} == {"unverified"}
    assert "unverified: check it before you rely on it" in table(extra)


def test_nothing_published_is_ranked_and_everything_is_shown() -> None:
    records = published_records(unverified=True)
    assert not any(standing.place for standing in standings(records))
    tables = compare(records)
    assert sum(len(one.cells) for one in tables) == len(records)
    assert {one.title for one in tables} >= {"Published numbers: UCF-101", "Published numbers: MSR-VTT"}
    assert not any(one.superseded for one in tables)


def test_beside_measured_rows_of_the_same_name_they_change_no_rank(make_record: Make) -> None:
    ours = [make_record("fvd", value, name=f"Make-A-Video {value}") for value in (100.0, 200.0, 300.0)]
    theirs = published_records("make-a-video-ucf101")
    alone, beside = compare(ours)[0], compare([*theirs, *ours])[0]
    assert beside == alone


def test_numbers_keep_the_digits_of_their_paper_in_one_unit_a_column() -> None:
    text = table(published_records(["make-a-video-ucf101", "make-a-video-preference"]))
    assert "| 57.80 ± 1.3<" in text
    assert "| 33.00<" in text
    assert "quality majority ↑ (%)" in text
    assert "| 84.38<" in text
    clipsim = table(published_records(["make-a-video-msr-vtt", "pyoco"]), measures="clipsim")
    assert "clipsim ↑<" in clipsim or "clipsim ↑ |" in clipsim
    assert "| 0.3049<" in clipsim
    assert "| 0.3204<" in clipsim  # printed as 32.04


def test_older_papers_come_first_and_names_in_the_order_given() -> None:
    dates = [record.details["citation"].rpartition("arXiv ")[2][:10] for record in published_records("*")]
    assert dates == sorted(dates)
    walt_first = published_records(["walt", "*"])
    assert walt_first[0].subject.name == "W.A.L.T-L"
    assert len(walt_first) == len(published_records())


def test_a_name_that_no_publication_has_is_one_line() -> None:
    with pytest.raises(UsageError, match="there is no publication 'tat'; did you mean 'tats'"):
        published_records("tat")


def _publication(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of every type
    row = {"name": "a", "values": {"fvd": "1.0 ± 0.1"}} | changes.pop("row", {})
    fields: dict[str, Any] = {
        "name": "example",
        "summary": "an example",
        "paper": {"short": "A", "authors": "B et al.", "year": 2024, "arxiv": "2401.00001"},
        "certainty": "table",
        "protocol": {"dataset": "UCF-101"},
        "measures": {"fvd": {"better": "lower"}},
        "rows": [row],
    }
    return fields | changes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"row": {"values": {"fvd": "1.0+-0.1"}}}, "is not printed like"),
        ({"row": {"values": {"is": "1.0"}}}, "has no measure 'is'"),
        ({"protocol": {}}, "names no dataset"),
        ({"certainty": "sure"}, "certainty"),
        ({"rows": []}, "rows"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_file_that_makes_no_sense_says_why(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Publication.model_validate(_publication(**change))


def test_what_a_plus_minus_is_stands_beside_it() -> None:
    fields = _publication(plus_minus="over ten runs")
    (record,) = Publication.model_validate(fields).records()
    assert (record.value, record.low, record.no_interval) == (1.0, None, "± as printed: over ten runs")
    assert "± as printed: over ten runs" in table([record])


def test_they_are_listed_with_their_citations(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "published", "--json"]) == 0
    listed = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert listed["tats"]["rows"] == {"secondary": 1, "unverified": 3}
    assert "arXiv 2209.14792, Table 2" in listed["make-a-video-ucf101"]["citation"]
