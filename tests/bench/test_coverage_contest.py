"""The coverage contest on a few sets: what it draws, that it goes on where it was, and its tables."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidgauge.bench.contests import CONTESTS, LongContest, coverage, coverage_settings, coverage_trials
from vidgauge.bench.contests.coverage_settings import Setting, generated, population, real, settings, two_generated
from vidgauge.cli import run
from vidgauge.metrics.frechet import frechet_distance
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.store import read_json

pytestmark = pytest.mark.long

SMALL = [
    Setting("fvd", 4, 8, tails="heavy"),
    Setting("fvd", 4, 16),
    Setting("mean", 1, 20, "nothing"),
    Setting("fvd difference", 4, 16, paired=True),
    Setting("kvd permutation", 4, 12, "nothing"),
    Setting("is", 10, 44, "nothing", each=4),
]


def test_sets_have_the_distributions_that_their_settings_say() -> None:
    generator = np.random.default_rng(0)
    for setting in (
        Setting("fvd", 3, 40_000),
        Setting("fvd", 3, 40_000, "covariance", "heavy"),
        Setting("fvd", 3, 40_000, "mean", each=4),
    ):
        moments = []
        for draw in (real, generated):
            features = draw(setting, generator)
            assert features.shape == (40_000, 3)
            moments += [features.mean(axis=0), np.cov(features.T)]
        assert frechet_distance(*moments) == pytest.approx(population(setting), abs=0.02)
        within = features.reshape(-1, 4, 3).mean(axis=1).var(axis=0) / features.var(axis=0)
        assert within == pytest.approx(np.full(3, 1 / 4 if setting.each == 1 else 5 / 8), rel=0.1)
    for paired in (False, True):
        a, b = two_generated(Setting("fvd difference", 3, 40_000, paired=paired), generator)
        assert np.corrcoef(a[:, 0], b[:, 0])[0, 1] == pytest.approx(paired / 2, abs=0.02)


def test_all_settings_are_different_and_those_with_intervals_have_ten_videos() -> None:
    found = list(settings())
    assert len(set(found)) == len(found)
    assert all(setting.samples // setting.each >= 10 for setting in found)
    assert sum(setting.seconds for setting in found) < 15 * 60


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage_trials, "SETS", 12)
    monkeypatch.setattr(coverage_trials, "LABELLINGS", 19)
    monkeypatch.setattr(coverage_trials, "MINIMUM", 2)
    monkeypatch.setattr(coverage, "settings", lambda: iter(SMALL))


@pytest.mark.usefixtures("small")
def test_the_command_goes_on_exports_and_prints_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["contest", "coverage", "--store", str(tmp_path / "kept.sqlite"), "--out", str(tmp_path / "out.json")]
    assert run([*arguments, "--minutes", "1e-9"]) == 0
    assert capsys.readouterr().out.count("**") == 2, "one table"
    assert run([*arguments, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {record["subject"]["kind"] for record in shown} == {"interval", "test"}
    records, _ = read_json(tmp_path / "out.json")
    assert sum(record.subject.kind == "simulation" for record in records) == len(SMALL)
    about = [
        (one.subject.config["kind"], one.subject.config["about"]) for one in records if one.subject.kind != "simulation"
    ]
    assert about == [
        ("fvd", "score"),
        ("fvd", "score"),
        ("fvd", "infinite"),
        ("mean", "score"),
        ("fvd difference", "difference"),
        ("fvd difference", "p"),
        ("kvd permutation", "p"),
        ("is", "score"),
    ]
    text = LAYOUTS["coverage"](records)
    assert text.count("**") == 10
    assert "| mean and covariance differ, heavy tails | 4 | 8 |" in text
    assert "conservative |" in text
    assert "Of N >= 4 D, " in text
    assert "| Fréchet distance, same prompts | 4 | 16 |" in text
    assert "| Inception Score, 4 clips a video | 10 | 44 |" in text
    assert "| kernel distance by permutation: alike | 4 | 12 |" in text


@pytest.mark.usefixtures("small")
def test_every_kind_of_setting_can_be_played_and_seeds_decide() -> None:
    told: list[float] = []
    for setting in (Setting("kvd", 4, 16), replace(SMALL[4], kind="fvd permutation"), SMALL[1]):
        first = coverage_trials.play(setting, 1, told.append)
        assert first == coverage_trials.play(setting, 1, told.append)
        assert first != coverage_trials.play(replace(setting, samples=20), 2, told.append)
    assert max(told) < 1


def test_it_is_registered_with_a_summary() -> None:
    contest: Any = CONTESTS["coverage"]
    assert isinstance(contest, LongContest)
    assert (contest.__doc__ or "").startswith("How often intervals hold")
    assert coverage_settings.SETS == 1000
