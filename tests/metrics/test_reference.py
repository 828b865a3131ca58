"""References: one file that stands for a set of videos, verified, with the same numbers as the videos."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from vidgauge.cli import run
from vidgauge.datasets import write_video
from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.metrics import frechet_distance, score
from vidgauge.record import Record

TWO = ("fvd.shapes", "kvd.shapes")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``real`` (12 videos and a broken one), ``made`` (11), and the reference of the first, ``real.safetensors``."""
    folder = tmp_path_factory.mktemp("videos")
    for name, seed, count in (("real", 31, 12), ("made", 32, 11)):
        for sample in MovingShapes(frames=16, height=32, width=32, seed=seed, count=count):
            write_video(folder / name / f"{sample.id}.npy", sample.frames_thwc, sample.fps)
    (folder / "real" / "zz.npy").write_bytes(b"no video")
    command = ["features", "export", str(folder / "real"), "--protocol", "fvd.shapes", "--cache", str(folder / "cache")]
    assert run([*command, "--out", str(folder / "real.safetensors")]) == 0
    return folder


def numbers(records: list[Record]) -> list[tuple[float | None, ...]]:
    return [(record.value, record.low, record.high, record.n) for record in records]


def test_scores_against_it_are_those_against_the_videos(folder: Path) -> None:
    cache = folder / "cache"
    direct = score(folder / "real", folder / "made", TWO, cache=cache)
    (folder / "real").rename(folder / "gone")
    try:
        by_reference = score(folder / "real.safetensors", folder / "made", TWO, cache=cache)
    finally:
        (folder / "gone").rename(folder / "real")
    assert numbers(direct) == numbers(by_reference)
    assert by_reference[0].low is not None
    assert by_reference[0].details["n_real"] == 12
    assert any("left out: zz.npy" in note for note in by_reference[0].details["notes"])


def test_two_sets_are_compared_from_the_command_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = ["--real", str(folder / "real.safetensors"), "--generated", str(folder / "made")]
    more = ["--versus", str(folder / "real"), "--cache", str(folder / "cache"), "--store", str(folder / "s.sqlite")]
    how = ["--protocol", "fvd.shapes", "--protocol", "is.shapes", "--permutations", "19", "--json"]
    assert run(["score", *sets, *more, *how]) == 0
    made, made_is, real, real_is, fvd, is_ = json.loads(capsys.readouterr().out)
    assert [one["subject"]["name"] for one in (made, real, fvd)] == ["made", "real", "made - real"]
    assert real["value"] == pytest.approx(0, abs=1e-6)
    assert fvd["value"] == pytest.approx(made["value"] - real["value"])
    assert is_["value"] == pytest.approx(made_is["value"] - real_is["value"])
    assert fvd["low"] < fvd["value"] < fvd["high"]
    assert 0 < fvd["details"]["permutation"]["p"] <= 1
    assert 0 < made["details"]["permutation"]["p"] <= 1
    assert made["details"]["cached_real"] == 12


def test_it_holds_statistics_for_everyone(folder: Path) -> None:
    arrays = load_file(folder / "real.safetensors")
    features = arrays["features_nd"].astype(np.float64)
    mean, covariance = arrays["features_nd.mean"], arrays["features_nd.covariance"]
    assert mean == pytest.approx(features.mean(axis=0), abs=1e-12)
    assert covariance == pytest.approx(np.cov(features, rowvar=False), abs=1e-12)
    assert frechet_distance(mean, covariance, mean, covariance) == pytest.approx(0, abs=1e-5)


def test_what_it_cannot_stand_for_is_refused(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    made, store = str(folder / "made"), ["--store", str(tmp_path / "s.sqlite"), "--cache", str(folder / "cache")]
    reference = str(folder / "real.safetensors")
    fid = ["--protocol", "fid.frames.pytorch-fid.shapes"]
    assert run(["score", "--real", reference, "--generated", made, *fid, *store]) == 2
    both = ["--protocol", "fvd.shapes", "--frames", "8"]
    assert run(["score", "--real", reference, "--generated", made, *both, *store]) == 2
    said = capsys.readouterr().err
    assert "made in another way: network shapes-classifier, not shapes-clip; resize" in said
    assert "clip frames 16, not 8\n" in said


def test_damage_and_strangers_are_refused(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    made, store = str(folder / "made"), ["--store", str(tmp_path / "s.sqlite"), "--cache", str(folder / "cache")]
    content = bytearray((folder / "real.safetensors").read_bytes())
    content[-3] ^= 1
    (tmp_path / "damaged.safetensors").write_bytes(content)
    save_file({"x": np.zeros(3)}, tmp_path / "strange.safetensors")
    for name, reason in (("damaged", "another digest"), ("strange", "holds no features"), ("no", "does not exist")):
        assert run(["score", "--real", str(tmp_path / f"{name}.safetensors"), "--generated", made, *store]) in (1, 2)
        assert reason in capsys.readouterr().err


def test_features_are_listed_and_removed(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    cache = ["--cache", str(tmp_path / "cache")]
    score(folder / "made", folder / "made", ["is.shapes"], cache=tmp_path / "cache")
    assert run(["features", "list", "--json", *cache]) == 0
    (shelf,) = json.loads(capsys.readouterr().out)
    assert (shelf["videos"], shelf["clips"], shelf["stale"]) == (11, 11, False)
    assert shelf["way"]["network"] == "shapes-classifier"
    assert run(["features", "remove", "stale", *cache]) == 0
    assert "0 of 1" in capsys.readouterr().out
    assert run(["features", "remove", "nothing", *cache]) == 2
    assert run(["features", "remove", shelf["name"], *cache]) == 0
    assert not any((tmp_path / "cache").iterdir())


@pytest.mark.parametrize(
    ("protocol", "out", "reason"),
    [("is.shapes", "a.safetensors", "no set of real videos"), ("fvd.shapes", "a.npz", "end in .safetensors")],
)
def test_what_cannot_be_a_reference(
    folder: Path, protocol: str, out: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["features", "export", str(folder / "made"), "--protocol", protocol, "--out", str(tmp_path / out)]
    assert run(arguments) == 2
    assert reason in capsys.readouterr().err
