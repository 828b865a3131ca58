"""Scoring real files end to end: numbers against oracles, failures counted, the same however it is run."""

import csv
import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch

from vidgauge.cli import run
from vidgauge.datasets import read_video, write_video
from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics import build_network
from vidgauge.metrics import score as score_by_default
from vidgauge.record import Record
from vidgauge.store import Store

score = partial(score_by_default, workers=0)  # processes that decode take longer to start than these files to be read
MEASURES = ["clipsim", "frame-consistency", "fvd", "is", "kvd"]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``real`` (13 videos), ``made`` (11, with captions) of Moving Shapes, and ``broken`` with one that is no video."""
    folder = tmp_path_factory.mktemp("videos")
    for name, seed, count in (("real", 31, 13), ("made", 32, 11)):
        rows = []
        for sample in MovingShapes(frames=20, height=48, width=56, seed=seed, count=count):
            write_video(folder / name / f"{sample.id}.mkv", sample.frames_thwc, sample.fps)
            rows.append((f"{sample.id}.mkv", sample.caption))
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("file", "caption"), *rows])
    (folder / "broken").mkdir()
    (folder / "broken" / "cut.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42")
    return folder


@pytest.fixture
def threads() -> Iterator[None]:
    """Gives back the thread count that a test changes."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def by_measure(records: list[Record]) -> dict[str, Record]:
    return {record.measure.name: record for record in records}


def values(records: list[Record]) -> dict[str, float]:
    assert all(record.value is not None for record in records)
    return {record.measure.name: record.value or 0.0 for record in records}


def classified(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Features and probabilities of the first 16 frames, straight from the network."""
    network = build_network("shapes-classifier", weights="embedded").double()
    clips = [read_video(path).frames_thwc[:16].double() / 255 for path in sorted(folder.iterdir())]
    small = [
        torch.nn.functional.interpolate(c.permute(0, 3, 1, 2), (64, 64), mode="bilinear", antialias=True) for c in clips
    ]
    features, logits = network(torch.stack(small).transpose(1, 2))
    return features.float().double().numpy(), logits.softmax(dim=1).numpy()


def test_all_five_measures_have_values_intervals_and_counts(videos: Path) -> None:
    records = score_by_default(videos / "real", videos / "made", captions=videos / "made.csv")
    assert sorted(record.measure.name for record in records) == MEASURES
    for record in records:
        assert record.status == "ok"
        assert (record.n, record.n_failed) == (11, 0)
        assert record.low is not None
        assert record.high is not None
        assert record.value is not None
        assert record.low < record.value < record.high
        assert any("says nothing outside" in note for note in record.details["notes"])
    fvd = by_measure(records)["fvd"]
    assert fvd.details["n_real"] == 13
    assert any("biased upwards" in note for note in fvd.details["notes"])


def test_numbers_equal_those_of_other_code_on_the_same_files(videos: Path) -> None:
    got = values(score(videos / "real", videos / "made", protocols=["fvd.shapes", "kvd.shapes", "is.shapes"]))
    (real, _), (made, probabilities) = classified(videos / "real"), classified(videos / "made")
    # Fréchet: in the span of all samples, where a matrix square root is well defined.
    basis = scipy.linalg.orth((np.vstack([real, made]) - real.mean(0)).T, rcond=1e-7)
    a, b = real @ basis, made @ basis
    covariances = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    roots = np.linalg.eigvals(covariances[0] @ covariances[1]).real.clip(min=0)
    expected = np.sum((real.mean(0) - made.mean(0)) ** 2) + np.trace(sum(covariances)) - 2 * np.sqrt(roots).sum()
    assert got["fvd"] == pytest.approx(expected, rel=1e-4)
    # Kernel: the double sum.
    kernel = (np.vstack([real, made]) @ np.vstack([real, made]).T / 64 + 1) ** 3
    within = [np.mean(block[~np.eye(len(block), dtype=bool)]) for block in (kernel[:13, :13], kernel[13:, 13:])]
    assert got["kvd"] == pytest.approx(sum(within) - 2 * kernel[:13, 13:].mean(), rel=1e-6)
    # Inception: the entropies.
    marginal = probabilities.mean(axis=0)
    divergences = [np.sum(p * np.log((p + 1e-300) / marginal)) for p in probabilities]
    assert got["is"] == pytest.approx(np.exp(np.mean(divergences)), rel=1e-6)


def test_a_set_against_itself_and_against_still_videos(videos: Path, tmp_path: Path) -> None:
    itself = values(score(videos / "real", videos / "real", protocols=["fvd.shapes", "kvd.shapes"]))
    assert itself["fvd"] == pytest.approx(0, abs=1e-9)
    assert itself["kvd"] < 0  # unbiased: pairs of a clip with itself are missing on one side only
    for sample in MovingShapes(seed=31, count=4):
        write_video(tmp_path / f"{sample.id}.mkv", sample.frames_thwc[:1].repeat(16, 1, 1, 1), 8)
    still = score(videos / "real", tmp_path, protocols=["frame-consistency.shapes"])
    assert values(still)["frame-consistency"] == pytest.approx(1, abs=1e-6)


def test_the_right_captions_fit_better_than_others(videos: Path, tmp_path: Path) -> None:
    with (videos / "made.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (tmp_path / "turned.csv").open("w", newline="") as file:
        turned = [(row["file"], other["caption"]) for row, other in zip(rows, rows[3:] + rows[:3], strict=True)]
        csv.writer(file).writerows([("file", "caption"), *turned])
    right, wrong = (
        values(score(videos / "real", videos / "made", protocols=["clipsim.shapes"], captions=path))["clipsim"]
        for path in (videos / "made.csv", tmp_path / "turned.csv")
    )
    assert right > wrong + 0.1


@pytest.mark.usefixtures("threads")
def test_scores_do_not_depend_on_how_they_were_computed(videos: Path, tmp_path: Path) -> None:
    real, made = (sorted((videos / side).iterdir())[:count] for side, count in (("real", 5), ("made", 4)))
    captions = (videos / "made.csv").read_text().splitlines()
    kept = [line for line in captions[1:] if line.partition(",")[0] in {path.name for path in made}]
    (tmp_path / "made.csv").write_text("\n".join([captions[0], *kept]))

    def scored(**how: int) -> dict[str, float]:
        return values(score(real, made, captions=tmp_path / "made.csv", cache=False, **how))  # type: ignore[arg-type]

    torch.set_num_threads(1)
    first = scored()
    assert scored() == first  # bit for bit
    for how in ({"batch_size": 1}, {"batch_size": 3, "workers": 3}):
        assert scored(**how) == pytest.approx(first, rel=1e-5)
    torch.set_num_threads(2)
    assert scored() == pytest.approx(first, rel=1e-5)


def test_a_broken_file_is_named_and_counted_and_strict_refuses_it(videos: Path) -> None:
    made = [videos / "made", videos / "broken"]
    records = score(videos / "real", made, captions=videos / "made.csv")
    clean = score(videos / "real", videos / "made", captions=videos / "made.csv")
    assert values(records) == values(clean)
    for record in records:
        assert record.n_failed == 1
        assert record.details["failed"][0]["file"] == "cut.mp4"
    with pytest.raises(VidgaugeError, match=r"cut\.mp4"):
        score(videos / "real", made, strict=True)


def test_clips_all_along_each_file(videos: Path, tmp_path: Path) -> None:
    for sample in MovingShapes(frames=50, seed=33, count=2):
        write_video(tmp_path / f"{sample.id}.mkv", sample.frames_thwc, 8)
    (record,) = score(videos / "real", tmp_path, protocols=["fvd.shapes"], clips={"offset": "all"})
    assert record.n == 6
    assert record.details["videos_generated"] == 2
    assert record.protocol.name == "fvd.shapes[offset=all]"
    assert record.low is None
    assert "2 independent videos" in record.no_interval


def test_too_little_is_a_record_with_a_reason(videos: Path, tmp_path: Path) -> None:
    write_video(tmp_path / "short.mkv", torch.zeros(5, 16, 16, 3, dtype=torch.uint8), 8)
    records = by_measure(score(videos / "real", tmp_path))
    assert records["clipsim"].status == "skipped"
    for name in ("fvd", "kvd", "is", "frame-consistency"):
        assert records[name].status == "failed"
        assert "needs at least" in records[name].reason
        assert records[name].n_failed == 1


def test_captions_must_fit(videos: Path, tmp_path: Path) -> None:
    text = (videos / "made.csv").read_text().splitlines()
    (tmp_path / "captions.csv").write_text("\n".join(text[:-1]))
    missing = text[-1].partition(",")[0]
    with pytest.raises(UsageError, match=missing):
        score(videos / "real", videos / "made", captions=tmp_path / "captions.csv")


def test_missing_weights_end_with_what_to_do(videos: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("VIDGAUGE_OFFLINE", "1")
    with pytest.raises(VidgaugeError, match=r"ViT-B-32\.pt.*https://.*sha256 40d365"):
        score(videos / "real", videos / "made", ["clipsim.godiva"], captions=videos / "made.csv")


def test_the_command_stores_and_prints_records(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "s.sqlite"
    arguments = ["score", "--real", str(videos / "real"), "--generated", str(videos / "made"), "--store", str(store)]
    arguments += ["--workers", "0"]
    assert run([*arguments, "--captions", str(videos / "made.csv"), "--json"]) == 0
    printed = [Record.model_validate(row) for row in json.loads(capsys.readouterr().out)]
    with Store(store, must_exist=True) as opened:
        assert list(opened) == printed
    assert run(arguments) == 0
    assert "it needs captions" in capsys.readouterr().out
    assert run([*arguments, "--generated", str(videos / "broken"), "--strict"]) == 1
    assert run([*arguments[:3], "--generated", str(videos / "broken"), *arguments[5:]]) == 1
    assert "needs at least" in capsys.readouterr().out
    assert run(["score", "--real", "no-such-folder", "--generated", str(videos / "made")]) == 2
    assert run([*arguments, "--protocol", "fvd.shape"]) == 2
    assert "fvd.shapes" in capsys.readouterr().err


@pytest.mark.skipif("VIDGAUGE_TEST_VIDEOS" not in os.environ, reason="VIDGAUGE_TEST_VIDEOS names no folder of videos")
def test_videos_from_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(os.environ["VIDGAUGE_TEST_VIDEOS"])
    arguments = ["score", "--real", str(folder / "ucf101"), "--generated", str(folder / "generated" / "lavie")]
    arguments += [
        "--captions",
        str(folder / "generated" / "lavie" / "prompts.csv"),
        "--store",
        str(tmp_path / "s.sqlite"),
    ]
    assert run([*arguments, "--generated", str(folder / "broken"), "--clips", "all", "--json"]) == 0
    records = [Record.model_validate(row) for row in json.loads(capsys.readouterr().out)]
    assert sorted(record.measure.name for record in records) == MEASURES
    for record in records:
        assert record.status == "ok"
        assert record.n == 3
        assert record.n_failed == 1
        assert "independent videos" in record.no_interval
    assert by_measure(records)["fvd"].details["n_real"] == 107 // 16 + 164 // 16
