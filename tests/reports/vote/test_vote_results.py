"""Votes kept, merged and counted, and the records that come of them."""

import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vidgauge.environment import Environment
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.record import Record
from vidgauge.reports.tables import table
from vidgauge.reports.vote.answers import Answer, ConflictError, rater_name
from vidgauge.reports.vote.counting import FAILED, NO_CHECK, count
from vidgauge.reports.vote.folders import export_folder, merge
from vidgauge.reports.vote.results import results
from vidgauge.reports.vote.schedule import schedule
from vidgauge.reports.vote.study import Study
from vidgauge.reports.vote.summary import lines, tables
from vidgauge.reports.vote.votes import Votes

if TYPE_CHECKING:
    from tests.reports.vote.conftest import Booth


def found(booth: "Booth", study: Study, environment: Environment) -> dict[tuple[str, ...], Record]:
    records = results(study, count(study, booth.votes(study)), environment)
    return {
        (record.subject.name[-1], str(record.subject.config.get("against", ""))[-1:], record.measure.name): record
        for record in records
    }


def saved(study: Study, slot: int, rater: str, choice: str = "left", answers: int | None = None) -> dict[str, Any]:
    given = [
        {"trial": trial.id, "question": question, "choice": choice, "seconds": 2.0}
        for trial in schedule(study, slot)
        for question in study.questions
    ]
    return {
        "format": "vidgauge votes 1",
        "study": study.public_id,
        "slot": slot,
        "rater": rater,
        "answers": given[:answers],
    }


def write(path: Path, body: dict[str, Any]) -> Path:
    path.write_text(json.dumps(body))
    return path


def test_five_raters_who_all_but_one_prefer_a(booth: "Booth", environment: Environment) -> None:
    study = booth.study("ab", 12)
    for number in range(5):
        booth.vote(study, f"rater {number}", booth.prefers(*("ba" if number == 4 else "ab")))
    by = found(booth, study, environment)
    share = by["a", "b", "quality_preferred"]
    assert (share.value, share.n, share.n_failed) == (0.8, 60, 0)
    assert share.low is not None
    assert share.high is not None
    assert share.low < 0.5 < share.high  # one of five thinks otherwise: not sure
    independent = share.details["interval_if_votes_were_independent"]
    assert independent[0] > 0.65
    majority = by["a", "b", "faithfulness_majority"]
    assert (majority.value, majority.n, majority.details["raters_of_a_prompt"]) == (1.0, 12, "5 to 5")
    agreement = by["a", "b", "quality_agreement"]
    assert agreement.value == pytest.approx(1 - 59 * 12 * (4 * 1 * 2 / 4) / (60**2 - 48**2 - 12**2))
    assert by["y", "", "raters"].value == 5
    assert by["y", "", "left_chosen"].value == 0.5
    assert {record.protocol.name for record in by.values()} == {
        *("vote.share", "vote.majority", "vote.agreement", "vote.account")
    }
    assert share.details["protocol"]["ties"] is False
    assert booth.secret + "-a" in table(by.values())


def test_three_systems_are_ranked(booth: "Booth", environment: Environment) -> None:
    study = booth.study("abc", 10)
    orders = ("abc", "abc", "bac", "cab", "abc", "acb", "bca")
    for number, order in enumerate(orders):
        booth.vote(study, str(number), booth.prefers(*order))
    by = found(booth, study, environment)
    strengths = [by[name, "", "quality_strength"].value or 0.0 for name in "abc"]
    assert strengths == sorted(strengths, reverse=True)
    assert sum(strengths) == pytest.approx(0)
    assert by["a", "b", "quality_preferred"].value == pytest.approx(5 / 7)
    records = list(by.values())
    assert len(tables(records)) == 2
    assert "\\" not in "".join(lines(records))
    assert lines(records)[0].startswith("7 raters and 420 votes count; left out by the rule of the plan: 0 raters")


def test_raters_who_miss_checks_are_left_out_and_counted(booth: "Booth", environment: Environment) -> None:
    study = booth.study("ab", 6, checks=2, misses=1)
    booth.vote(study, "careful", booth.prefers("a", "b"))
    booth.vote(study, "left-hander", lambda _: "left")  # one check stands left: one miss, which the plan allows
    right = booth.prefers("b", "a")
    booth.vote(study, "careless", lambda trial: "left" if right(trial) == "right" else "right")
    counted = count(study, booth.votes(study))
    assert [(rater.missed, rater.left_out) for rater in counted.raters] == [(0, ""), (1, ""), (2, FAILED)]
    by = found(booth, study, environment)
    assert (by["a", "b", "quality_preferred"].n, by["a", "b", "quality_preferred"].n_failed) == (12, 6)
    assert [by["y", "", name].value for name in ("raters", "raters_left_out", "raters_who_failed_checks")] == [2, 1, 1]
    assert by["y", "", "votes_left_out"].value == 12
    told = by["y", "", "raters"].details["raters"]
    about = {"rater": 3, "votes": 12, "checks": 2, "missed": 2, "left_out": FAILED, "median_seconds": 1.5}
    assert told[2] == about
    assert "careless" not in json.dumps([record.model_dump(mode="json") for record in by.values()])


def test_who_stopped_before_any_check_is_left_out(booth: "Booth") -> None:
    study = booth.study("ab", 6)
    votes = booth.votes(study)
    first = next(trial for trial in schedule(study, votes.join("early")) if not trial.is_check)
    votes.add("early", Answer(trial=first.id, question="quality", choice="left", seconds=1))
    assert count(study, votes).raters[0].left_out == NO_CHECK


def test_no_difference_is_neither_for_nor_against(booth: "Booth", environment: Environment) -> None:
    study = booth.study("ab", 6, ties=True)
    for number in range(3):
        choose = booth.prefers("a", "b")
        booth.vote(study, str(number), lambda t, c=choose: "same" if t.prompt % 2 and not t.is_check else c(t))  # type: ignore[misc]
    by = found(booth, study, environment)
    share = by["a", "b", "quality_preferred"]
    assert (share.value, share.n, share.details["no_difference"]) == (1.0, 9, 9)
    assert (by["a", "b", "quality_majority"].n, by["a", "b", "quality_majority"].n_failed) == (3, 3)
    assert by["a", "b", "quality_agreement"].value == 1


def test_without_votes_there_are_reasons_in_place_of_numbers(booth: "Booth", environment: Environment) -> None:
    study = booth.study("abc", 2)
    records = list(found(booth, study, environment).values())
    assert {record.status for record in records if record.measure.name != "raters" and record.value is None} == {
        "failed"
    }
    assert any("no vote was counted" in line for line in lines(records))


def test_a_vote_is_kept_once_and_the_first_stays(booth: "Booth") -> None:
    study = booth.study()
    votes = booth.votes(study)
    trial = schedule(study, votes.join("anna"))[0].id
    answer = Answer(trial=trial, question="quality", choice="left", seconds=1)
    votes.add("anna", answer)
    votes.add("anna", answer)
    with pytest.raises(ConflictError, match="the first answer stays"):
        votes.add("anna", answer.model_copy(update={"choice": "right"}))
    assert votes.answers("anna") == [answer]
    assert votes.join("anna") == 0
    assert votes.join("ben") == 1
    with sqlite3.connect(votes.path) as db, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute("DELETE FROM answers")
    db.close()


def test_a_store_belongs_to_one_study(booth: "Booth", tmp_path: Path) -> None:
    booth.votes(booth.study())
    with pytest.raises(VidgaugeError, match="holds the votes of study"):
        Votes(booth.folder / "study" / "votes.sqlite", "another")
    (tmp_path / "text.sqlite").write_text("no database at all, but long enough to look at" * 10)
    with pytest.raises(VidgaugeError, match="is not a store of votes"):
        Votes(tmp_path / "text.sqlite", "any")


def test_names_of_raters() -> None:
    assert rater_name("  Ann  Ä\u0301 ") == rater_name("ann ä\u0301")
    for name in ("", "   ", "a" * 65, "a\nb\x00", None):
        with pytest.raises(ValueError, match="a rater's name"):
            rater_name(name)


def test_files_of_votes_are_merged_once(booth: "Booth", tmp_path: Path) -> None:
    study = booth.study()
    booth.vote(study, "online", booth.prefers("a", "b"))
    pages = export_folder(booth.folder / "study", study, tmp_path / "out", 2)
    assert [page.name for page in pages] == ["rater-2.html", "rater-3.html"]
    assert booth.votes(study).join("later") == 3
    part = write(tmp_path / "part.json", saved(study, 1, "Offline", answers=5))
    whole = write(tmp_path / "whole.json", saved(study, 1, "offline"))
    assert [merge(booth.folder / "study", study, path) for path in (part, part, whole, whole)] == [5, 0, 11, 0]
    assert booth.votes(study).raters() == {"online": 0, "later": 3, "offline": 1}


def test_votes_of_a_copy_of_the_study_are_merged(booth: "Booth", tmp_path: Path) -> None:
    study = booth.study()
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "study.json").write_bytes((booth.folder / "study" / "study.json").read_bytes())
    booth.vote(study, "here", booth.prefers("a", "b"))
    there = Votes(copy / "votes.sqlite", study.fingerprint)
    trial = schedule(study, there.join("there"))[0].id  # number 0 as well
    there.add("there", Answer(trial=trial, question="quality", choice="left", seconds=1))
    assert [merge(booth.folder / "study", study, copy) for _ in range(2)] == [1, 0]
    assert booth.votes(study).raters() == {"here": 0, "there": 0}


def test_files_that_are_no_votes_of_the_study(booth: "Booth", tmp_path: Path) -> None:
    study = booth.study()
    good = saved(study, 0, "anna")
    bad = {
        "is not a file of votes": good | {"format": "else"},
        "another study": good | {"study": "0" * 20},
        "was not shown a pair": good | {"slot": 1},
        "does not allow 'same'": saved(study, 0, "anna", "same"),
        "rater": good | {"rater": ""},
    }
    for reason, body in bad.items():
        with pytest.raises(UsageError, match=reason):
            merge(booth.folder / "study", study, write(tmp_path / "bad.json", body))
    with pytest.raises(UsageError, match="cannot be read"):
        merge(booth.folder / "study", study, tmp_path / "none.json")
    assert booth.votes(study).raters() == {}


def test_contradicting_votes_are_refused_whole(booth: "Booth", tmp_path: Path) -> None:
    study = booth.study()
    merge(booth.folder / "study", study, write(tmp_path / "a.json", saved(study, 0, "anna", answers=3)))
    for reason, body in (
        ("the first answer stays", saved(study, 0, "anna", "right")),
        ("number 2 there and 1 here", saved(study, 1, "anna")),
    ):
        with pytest.raises(UsageError, match=reason):
            merge(booth.folder / "study", study, write(tmp_path / "b.json", body))
    assert len(booth.votes(study).answers("anna")) == 3


def test_a_folder_is_written_into_a_new_place_alone(booth: "Booth", tmp_path: Path) -> None:
    study = booth.study()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(UsageError, match="is not empty"):
        export_folder(booth.folder / "study", study, tmp_path / "full", 1)
