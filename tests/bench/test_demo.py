"""The demo's study: damage shows in the measure that should see it; systems are judged by what few videos can say."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from vidgauge.bench.studies import card_records as cards
from vidgauge.bench.studies import demo as study
from vidgauge.bench.studies.compare.lanes import Lanes
from vidgauge.bench.studies.demo import STAND_INS, count_videos, sample_and_score, state_cards, write_videos
from vidgauge.cli import run
from vidgauge.record import Record
from vidgauge.reference_models.shipped import SystemCard, names, shipped
from vidgauge.reference_models.systems import PIPELINES, PipelinePreset
from vidgauge.reference_models.training.data import Shapes
from vidgauge.reference_models.training.request import Request
from vidgauge.reference_models.training.trainer import train
from vidgauge.reports.files import write_report
from vidgauge.store import Store

pytestmark = pytest.mark.long
TOY = Path(__file__).parents[1] / "reference_models" / "toy_pipeline.py"
HERE = {"system": "Linux", "python": "3", "cpu": "a CPU", "cpus": 2, "threads": 1, "libraries": {}, "ffmpeg": {}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A tour of few clips, in which a toy is the system whose weights ship."""
    spec = importlib.util.spec_from_file_location("toy_pipeline", TOY)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    PIPELINES.register("toy/tiny")(PipelinePreset("a toy", module.Toy))
    folder = tmp_path_factory.mktemp("demo")
    train(Request(system="toy/tiny", steps=4, data=Shapes.facts), Shapes(), folder / "toy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "names", lambda: ["toy/tiny"])
        patch.setattr(study, "shipped", {"toy/tiny": folder / "toy" / "weights.safetensors"}.get)
        (folder / "videos" / "real").mkdir(parents=True)
        (folder / "videos" / "real" / "moving-shapes-0-000000.mkv").write_bytes(b"left by an earlier tour")
        assert len(list(write_videos(folder / "videos", clips=12))) == count_videos(12) == 12 * (1 + len(STAND_INS))
        yield folder
    del PIPELINES._entries["toy/tiny"]


@pytest.fixture(scope="module")
def records(folder: Path) -> list[Record]:
    told: list[float] = []
    with Store(folder / "s.sqlite") as store:
        records = sample_and_score(
            folder / "videos", store, Lanes(1, float("inf")), lambda share, _: told.append(share), samples=2
        )
        assert [one.model_dump_json() for one in store] == [one.model_dump_json() for one in records]
    assert told == sorted(told)
    assert told[-1] == 1
    return records


def value(records: list[Record], name: str, measure: str) -> float:
    (found,) = (one for one in records if (one.subject.name, one.measure.name) == (name, measure))
    assert found.value is not None
    return found.value


def test_fresh_videos_are_nearest_to_the_real_ones(records: list[Record]) -> None:
    for measure in ("fvd", "kvd"):
        assert min(STAND_INS, key=lambda damage: value(records, damage.name, measure)).name == "fresh"


def test_still_videos_are_consistent_and_tell_no_motion(records: list[Record]) -> None:
    assert value(records, "frozen", "frame-consistency") == pytest.approx(1)
    assert value(records, "shuffled", "frame-consistency") < value(records, "fresh", "frame-consistency")
    assert value(records, "frozen", "is") < value(records, "fresh", "is") / 2


def test_damage_to_time_alone_does_not_change_what_frames_show(records: list[Record]) -> None:
    assert value(records, "shuffled", "clipsim") == pytest.approx(value(records, "fresh", "clipsim"), abs=1e-6)


def test_few_samples_of_a_system_have_means_and_no_distance(records: list[Record], folder: Path) -> None:
    stand_ins, systems = records[: -len(study.OF_EACH_VIDEO)], records[-len(study.OF_EACH_VIDEO) :]
    assert [record.subject.name for record in stand_ins[::5]] == [damage.name for damage in STAND_INS]
    assert all((record.n, record.n_failed) == (12, 0) and record.low is not None for record in stand_ins)
    assert [(one.subject.name, one.protocol.name, one.n) for one in systems] == [
        ("toy/tiny", "clipsim.shapes", 2), ("toy/tiny", "frame-consistency.shapes", 2),
    ]  # fmt: skip
    assert all(record.details["small_n"] for record in systems)
    manifest = (folder / "videos" / "toy-tiny" / "manifest.jsonl").read_text("utf-8").splitlines()
    captions = (folder / "videos" / "captions.csv").read_text("utf-8").splitlines()[1:]
    shown = [f"{row['file']},{row['caption']}" for row in map(json.loads, manifest)]
    assert shown == captions[:2], "samples and stand-ins of one number show the same scene"


def test_what_other_weights_made_is_not_taken_for_these_samples(folder: Path, records: list[Record]) -> None:
    assert records
    videos = folder / "videos" / "toy-tiny"
    rows = [json.loads(line) for line in (videos / "manifest.jsonl").read_text("utf-8").splitlines()]
    study._clear(videos, rows[0]["weights"])
    assert (videos / "000001.mkv").exists()
    study._clear(videos, "other")
    assert not list(videos.iterdir())


def test_the_page_has_what_the_cards_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def distance(videos: str, middle: float, *, system: bool) -> dict[str, object]:
        return {"videos": videos, "system": system, "value": middle, "low": middle - 1, "high": middle + 1}

    def card(name: str, middle: float) -> SystemCard:
        found = [distance("samples", middle, system=True), distance("frozen", 60.0, system=False)]
        training = {"command": "", "commit": "", "data": "moving-shapes", "data_seed": 0, "seed": 0, "steps": {}}
        training |= {"losses": {}, "device": "", "torch": "", "seconds": 1}
        halving = {"trained_sha256": "", "kept_in_float32": [], "videos": 4, "largest_pixel_difference": 2}
        quality = {"protocol": {"name": "fvd.shapes", "fingerprint": "f"}, "size": "16x32x32", "n": 256, "level": 0.95}
        quality |= {"code": "abc", "time": "2026-01-01T00:00:00Z", "distances": found, "environment": HERE}
        return SystemCard.model_validate(
            {"name": name, "file": "", "licence": "", "scale": "toy scale", "parameters": 1, "gives": (16, 32, 32)}
            | {"training": training, "halving": halving | {"mean_pixel_difference": 0}, "quality": quality}
        )

    monkeypatch.setattr(cards, "CARDS", {"a/tiny": card("a/tiny", 46.5), "b/tiny": card("b/tiny", 35.25)})
    with Store(tmp_path / "s.sqlite") as store:
        stated = state_cards(store)
    assert [(one.subject.name, one.value, one.n) for one in stated] == [
        ("a/tiny", 46.5, 256), ("real clips, frozen", 60, 256), ("b/tiny", 35.25, 256),
    ]  # fmt: skip
    text = write_report(tmp_path / "s.sqlite", tmp_path / "report", ["markdown"])["markdown"].read_text("utf-8")
    for said in (
        "a/tiny",
        "**35.2",
        "real clips, frozen",
        "256 other real clips of moving-shapes",
        "toy scale",
        "cards",
    ):
        assert said in text, text


@pytest.mark.skipif(not names(), reason="no weights ship")
def test_a_system_that_ships_is_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "STAND_INS", STAND_INS[:1])
    monkeypatch.setattr(study, "names", lambda: names()[:1])
    monkeypatch.setattr(study, "shipped", shipped)
    list(write_videos(tmp_path, clips=2))
    with Store(tmp_path / "s.sqlite") as store, Lanes(1, float("inf")) as lanes:
        found = sample_and_score(tmp_path, store, lanes, lambda *_: None, samples=1)
    assert [record.status for record in found[-2:]] == ["ok", "ok"]
    assert found[-1].subject.name == names()[0]


@pytest.mark.slow
def test_the_whole_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--out", str(tmp_path)]) == 0
    assert str(tmp_path / "report" / "index.html") in capsys.readouterr().out.replace("\n", "")
