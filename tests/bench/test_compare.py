"""Comparisons with two systems of one number: what they make, what they record, and that they go on."""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vidgauge.bench.contests.learning_sets import BASELINES
from vidgauge.bench.studies.compare import entrants, lanes, neighbours, profiling, scoring, study, tuning
from vidgauge.bench.suite import Suite
from vidgauge.cli import run
from vidgauge.datasets import read_video
from vidgauge.environment import Environment
from vidgauge.record import Measure, ProtocolRef, Record, Subject
from vidgauge.reference_models import systems
from vidgauge.reference_models.pipeline import Advance, Phase, Pipeline, Sampling, Step
from vidgauge.reference_models.systems import PipelinePreset
from vidgauge.reference_models.training.weights import read_facts
from vidgauge.registry import Registry
from vidgauge.store import Store

CLIPS = 2
SUMMARY = "Two greys"
GROUPS = [{"name": "two greys", "systems": ["grey/tiny", "slow/tiny"]}]
RECIPE: dict[str, Any] = {
    "name": "greys",
    "summary": SUMMARY,
    "samples": CLIPS,
    "budget": {"samples": 30},
    "groups": GROUPS,
    "protocols": ["fvd.shapes", "is.shapes"],
}


class Grey(Pipeline):
    """Learns how grey its world is; with time on, each frame is a level brighter than the one before."""

    frames, height, width, fps = 16, 32, 32, 8.0
    stirs = 1

    def __init__(self) -> None:
        super().__init__()
        self.grey = nn.Linear(1, 1)

    def phases(self) -> Sequence[Phase]:
        return [Phase(name, ("grey",), self.loss, steps=3, batch=2, learning_rate=0.1) for name in ("one", "two")]

    def loss(self, step: Step) -> Tensor:
        clips = step.clips(frames=2, height=8, width=8)
        loss: Tensor = (self.grey(torch.ones(1, 1)) - clips.video_bcthw.mean()).square().mean()
        return loss

    def sample(
        self, captions: Sequence[str], noise_seeds: Sequence[int], options: Sampling, advance: Advance
    ) -> Iterator[Tensor]:
        advance(len(captions), len(captions))
        grey = (self.stirs * torch.arange(self.frames) * options.temporal + 128).to(torch.uint8)
        made = grey[None, :, None, None, None].expand(len(noise_seeds), -1, self.height, self.width, 3)
        yield from made.split(self.frames // 2, 1)


class Slow(Grey):
    """Moves less, and is larger than all others."""

    frames, height, width, stirs = 20, 36, 40, 0


@cache
def stir(folder: Path) -> float:
    """How much the videos of a set move."""
    videos = [read_video(path).frames_thwc.float() for path in sorted(folder.glob("*.mkv"))]
    assert {tuple(video.shape) for video in videos} == {(16, 32, 32, 3)}
    return float(torch.stack([(video[1:] - video[:-1]).abs().mean() for video in videos]).mean())


def record(value: float, name: str, environment: Environment, width: float = 1e-3) -> Record:
    return Record(
        subject=Subject(kind="videos", name="generated"),
        measure=Measure(name=name.partition(".")[0], unit="1", better="lower"),
        protocol=ProtocolRef(name=name, fingerprint=name),
        environment=environment.fingerprint,
        run="any",
        value=value,
        low=value - width,
        high=value + width,
        level=0.95,
        n=CLIPS,
    )


@pytest.fixture
def greys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Two systems, and measures that take no network: how much less a set moves than the real one."""
    shelf: Registry[PipelinePreset] = Registry("pipeline", "vidgauge.reference_models.systems")
    shelf.names()
    shelf.__dict__["_entries"].clear()
    shelf.register("grey/tiny")(PipelinePreset("Grey", Grey))
    shelf.register("slow/tiny")(PipelinePreset("Slower", Slow))
    shelf.register("short/tiny")(PipelinePreset("Short", type("Short", (Grey,), {"frames": 8})))
    for module in (systems, entrants):
        monkeypatch.setattr(module, "PIPELINES", shelf)
    here = Environment.capture()

    def score(real: Path, videos: Path, protocols: Sequence[str], **_: object) -> list[Record]:
        return [record(abs(stir(real) - stir(videos)), name, here) for name in protocols]

    def difference(_real: Path, first: Path, second: Path, _cache: Path, protocol: str) -> dict[str, Any]:
        found = record(stir(second) - stir(first), f"{protocol}.difference", here)
        return found.model_dump(include={"measure", "protocol", "value", "low", "high", "level", "n"})

    for module in (scoring, tuning):
        monkeypatch.setattr(module, "score", score)
    monkeypatch.setattr(neighbours, "difference", difference)
    monkeypatch.setattr(profiling, "profile", lambda suite, *_, **__: profiled(suite, here))
    monkeypatch.setattr(lanes, "cores", lambda: 1)
    monkeypatch.setattr(study, "cores", lambda: 1)
    return tmp_path


def profiled(suite: Suite, here: Environment) -> list[Record]:
    """What a profile would give."""
    names = ("latency", "ratio_to_baseline", "throughput", "peak_memory", "flops", "parameters")
    config = {"threads": 1, "device": "cpu", "dtype": "float32", "batch": 1}
    return [
        record(2.0, name, here).model_copy(
            update={"subject": Subject(kind="system", name=variant.name, config=config | {"direction": direction})}
        )
        for case in suite.cases
        for direction in case.directions
        for variant in case.variants
        for name in names
    ]


def written(folder: Path, **changes: object) -> str:
    """The path of a recipe."""
    lines = ['summary = "Two greys"']
    for key, value in (RECIPE | changes).items():
        if key not in ("name", "summary", "groups", "budget", "tuning"):
            lines.append(f"{key} = {json.dumps(value)}")
    for key in ("budget", "tuning"):
        given = (RECIPE | changes).get(key, {})
        assert isinstance(given, dict)
        lines += [f"[{key}]", *(f"{name} = {json.dumps(value)}" for name, value in given.items())]
    lines += ["[[groups]]", 'name = "two greys"', 'systems = ["grey/tiny", "slow/tiny"]']
    path = folder / "greys.toml"
    path.write_text("\n".join(lines))
    return str(path)


def records_of(out: Path) -> list[Record]:
    with Store(out / "records.sqlite") as store:
        return list(store)


def named(records: Sequence[Record], measure: str, **config: object) -> dict[str, Record]:
    return {
        one.subject.name: one
        for one in records
        if one.measure.name == measure and config.items() <= one.subject.config.items()
    }


def test_the_command_trains_samples_scores_profiles_and_reports(
    greys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = greys / "out"
    arguments = ["compare", "--recipe", written(greys, temporal_off=True), "--out", str(out), "--device", "cpu"]
    assert run([*arguments, "--minutes", "1e-9"]) == 0
    assert "the same command goes on" in capsys.readouterr().err
    assert run(arguments) == 0
    assert capsys.readouterr().out.splitlines()[0] == str(out / "report" / "index.html")
    records = records_of(out)
    assert run(arguments) == 0
    assert records_of(out) == records, "nothing is left to do"
    assert len({one.run for one in records}) == 1
    fvd = {(one.subject.name, one.subject.config["videos"]) for one in records if one.measure.name == "fvd"
           and one.protocol.name == "fvd.shapes"}  # fmt: skip
    still = "samples, temporal layers off"
    assert fvd == {(name, kind) for name in ("grey/tiny", "slow/tiny") for kind in ("samples", still)} | {
        ("real clips", name) for name in BASELINES
    }
    config = named(records, "loss")["grey/tiny"].subject.config
    assert config == {
        "recipe": "greys", "group": "two greys", "budget": "30 samples", "begin": "new", "seed": 0, "learning_rate": 1.0
    }  # fmt: skip
    loss = named(records, "loss")["grey/tiny"].details
    assert loss["steps"] == {"one": 8, "two": 7}, "thirty samples by two"
    assert [point[0] for point in loss["curve"]["two"]] == list(range(1, 8))
    assert named(records, "training_throughput")["grey/tiny"].details["samples"] == 30
    assert named(records, "training_flops")["grey/tiny"].value == 15 * 2 * 3, "a product, and its two gradients"
    for measure in ("latency", "first_frame", "peak_memory", "parameters", "sampling_flops", "streams"):
        found = named(records, measure, seed=None, group="two greys")
        assert set(found) == {"grey/tiny", "slow/tiny"}, measure
    assert named(records, "streams")["grey/tiny"].value == 1.0
    assert named(records, "streams")["grey/tiny"].details["chunks"] == [8, 8]
    (between,) = (one for one in records if one.measure.name == "fvd-difference" or "less" in one.subject.config)
    assert (between.subject.name, between.subject.config["less"]) == ("grey/tiny", "slow/tiny")
    assert (between.details["verdict"], between.details["ranks"]) == ("closer", False)
    assert "one seed is no ranking" in between.details["notes"][-1]
    sets = {one.subject.config["generated"][0] for one in records if "generated" in one.subject.config}
    assert "two-greys/slow-tiny/seed-0/samples-16x32x32" in sets
    assert all((out / path / "000001.mkv").exists() for path in sets)


def test_three_seeds_rank_and_their_spread_is_in_the_interval(greys: Path) -> None:
    arguments = ["compare", "--recipe", written(greys, seeds=[0, 1, 2]), "--out", str(greys / "out"), "--device", "cpu"]
    assert run(arguments) == 0
    records = records_of(greys / "out")
    assert len([one for one in records if one.measure.name == "loss"]) == 6
    mean = named(records, "fvd", seed=None, seeds=[0, 1, 2], videos="samples")
    assert set(mean) == {"grey/tiny", "slow/tiny"}
    assert mean["grey/tiny"].details["n_seeds"] == 3
    (between,) = (one for one in records if "less" in one.subject.config)
    assert between.details["ranks"] is True
    assert between.subject.config["seed"] is None


def test_learning_rates_are_tried_alike_and_the_best_is_taken(greys: Path) -> None:
    tried = {"factors": [0.5, 2.0], "share": 0.5, "samples": 1}
    out = greys / "out"
    arguments = ["compare", "--recipe", written(greys, tuning=tried), "--out", str(out), "--device", "cpu"]
    assert run(arguments) == 0
    for name in ("grey-tiny", "slow-tiny"):
        home = out / "two-greys" / name
        assert json.loads((home / "tuning.json").read_text())["factor"] == 0.5, "of equal ones the first"
        trial = read_facts(home / "tuning-2" / "weights.safetensors")
        assert sum(trial.steps.values()) == 7
        assert read_facts(home / "seed-0" / "weights.safetensors").request.learning_rate == 0.5
    loss = named(records_of(out), "loss")["grey/tiny"]
    assert loss.subject.config["learning_rate"] == 0.5
    assert set(loss.details["tuning"]["tried"]) == {"0.5", "2"}
    assert len(list((out / "data" / "held out").iterdir())) == 1
