"""Conventions of FVD side by side: what is computed from features, and the contest at a small size."""

import json
import math

import numpy as np
import pytest
import torch

from vidgauge.bench.contests import LongContest, conventions
from vidgauge.bench.contests.conventions_distances import at_infinity, by_count, distance, ratio
from vidgauge.bench.contests.conventions_looks import Look, changes, features, plain, published
from vidgauge.bench.contests.conventions_videos import compressed, every_second_frame, generated, real
from vidgauge.environment import Environment
from vidgauge.metrics.frechet import frechet_distance
from vidgauge.record import Record
from vidgauge.reports.layouts import LAYOUTS


def rows(n: int, d: int, seed: int, scale: float = 1.0) -> np.ndarray:
    return scale * np.random.default_rng(seed).standard_normal((n, d))


def by_moments(a: np.ndarray, b: np.ndarray, ddof: int = 1) -> float:
    return frechet_distance(a.mean(0), np.cov(a.T, ddof=ddof), b.mean(0), np.cov(b.T, ddof=ddof))


def test_a_ratio_is_of_the_same_videos() -> None:
    a, b = rows(60, 4, 0), rows(60, 4, 1, 1.5)
    found = ratio((2 * a, 2 * b), (a, b), ("ddof-1", "ddof-1"))
    assert math.isclose(found["value"], 4)  # a Fréchet distance goes with the square of the features
    assert math.isclose(found["low"], 4)  # whichever videos there are
    assert math.isclose(found["high"], 4)
    other = ratio((a, b), (a, b), ("ddof-0", "ddof-1"))
    assert math.isclose(other["value"], by_moments(a, b, 0) / by_moments(a, b))
    assert other["low"] < other["value"] < other["high"] < 1.05


def test_fewer_videos_than_features_have_no_interval() -> None:
    sets = rows(12, 40, 0), rows(12, 40, 1)
    for found in (distance(sets, "ddof-1"), ratio(sets, sets, ("ddof-1", "ddof-1"))):
        assert found["no_interval"] == "12 clips are fewer than the 40 features"
        assert "low" not in found


def test_counts_are_of_disjoint_parts() -> None:
    a, b = rows(64, 3, 0), rows(64, 3, 1, 1.2)
    (few, fields), (all_of_them, whole) = by_count((a, b), (32, 64))
    values = [by_moments(a[:32], b[:32]), by_moments(a[32:], b[32:])]
    assert few == 32
    np.testing.assert_allclose(fields["details"]["values"], values)
    assert math.isclose(fields["value"], sum(values) / 2)
    assert math.isclose(fields["details"]["spread"], abs(values[0] - values[1]) / math.sqrt(2))
    assert all_of_them == 64
    assert math.isclose(whole["value"], by_moments(a, b))
    assert at_infinity((a, b))["value"] < whole["value"] < fields["value"]


def test_conventions_see_the_same_clips_through_their_own_eyes() -> None:
    for random in (False, True):
        looks = published(random=random)
        assert all(look.protocol.cuts[0] == look.protocol.cuts[1] for look in looks.values())
        fingerprints = {look.protocol.ref.fingerprint for look in looks.values()}
        assert len(fingerprints) == len(looks) - 1  # MAGVIT's differs from the first one in trials and counts alone
        assert {look.protocol.world for look in looks.values()} == {"open" if random else "embedded"}


def test_what_happens_to_a_video() -> None:
    (clean,), (damaged,) = real(3, 1), generated(3, 1)
    assert clean.shape == damaged.shape == (31, 120, 160, 3)
    assert not torch.equal(clean, damaged)
    assert torch.equal(next(real(3, 1, 16)), clean[:16])
    assert torch.equal(every_second_frame(clean)[1], clean[2])
    errors = [(compressed(crf)(clean).float() - clean[:16].float()).abs().mean() for crf in (23, 35)]
    assert 0 < errors[0] < errors[1] < 20


@pytest.mark.long
def test_the_contest_at_a_small_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conventions, "CLIPS", 2)
    monkeypatch.setattr(conventions, "FEW", 3)
    monkeypatch.setattr(conventions, "MANY", 4)
    monkeypatch.setattr(conventions, "COUNTS", (2, 4))
    looks = {"fvd.tf": published(random=False)["fvd.tf"]}
    monkeypatch.setattr(conventions, "published", lambda **_: looks)
    said: list[float] = []
    contest = conventions.conventions
    assert not isinstance(contest, LongContest)
    records = list(contest(Environment.capture(), lambda done, _: said.append(done)))
    assert said == sorted(said)
    assert said[-1] == 1
    assert all(
        record.protocol.name.startswith("fvd.") and record.n == record.subject.config["clips"] for record in records
    )
    assert [Record.model_validate(json.loads(record.model_dump_json())) for record in records] == records
    table = LAYOUTS["conventions"](records)
    assert "| `fvd.tf` | 0.001 | `squash/tf1-bilinear` | tfgan | 16 first | any / any |" in table
    assert "this says nothing about I3D's numbers on real videos" in table
    for name in changes():
        assert name == "nothing" or f"\n| {name} | " in table
    assert "| infinite, extrapolated | |" in table


def test_features_are_those_of_the_protocol() -> None:
    clips = list(real(0, 3))
    found = features(clips, {"one": Look(plain()), "two": Look(plain(), every_second_frame)}, lambda _: None)
    alone = features(clips[2:], {"one": Look(plain())}, lambda _: None)["one"]
    np.testing.assert_allclose(found["one"][2:], alone, atol=1e-5)
    assert found["two"].shape == (3, 64)
    assert not np.allclose(found["one"], found["two"])
