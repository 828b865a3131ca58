"""Comparisons with two systems of one number: what they make, what they record, and that they go on."""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from vidgauge.bench.contests.learning_sets import BASELINES
from vidgauge.bench.studies.compare import entrants, lanes, neighbours, profiling, scoring, study, tuning
from vidgauge.bench.studies.compare.recipe import Recipe
from vidgauge.bench.studies.recipes import RECIPES
from vidgauge.bench.suite import Suite
from vidgauge.cli import run
from vidgauge.datasets import read_video
from vidgauge.environment import Environment
from vidgauge.errors import UsageError
from vidgauge.record import Measure, ProtocolRef, Record, Subject
from vidgauge.reference_models import systems
from vidgauge.reference_models.pipeline import Advance, Phase, Pipeline, Sampling, Step
from vidgauge.reference_models.systems import PipelinePreset
from vidgauge.reference_models.training.weights import read_facts
from vidgauge.registry import Registry
from vidgauge.store import Store

pytestmark = pytest.mark.long

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
        yield from torch.split(made, self.frames // 2, 1)


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
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "**two greys: toy scale, says nothing about the published systems**"
    assert str(out / "report" / "index.html") in lines
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
    mean_throughput = named(records, "training_throughput", seed=None)["grey/tiny"]
    of_seeds = [named(records, "training_throughput", seed=seed)["grey/tiny"].value or 0.0 for seed in (0, 1, 2)]
    reach = stats.t.ppf(0.975, 2) * stats.sem(of_seeds)
    assert mean_throughput.value == pytest.approx(np.mean(of_seeds))
    assert mean_throughput.high == pytest.approx(np.mean(of_seeds) + reach)
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


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"protocols": ["psnr.torchmetrics", "fvd.shapes"]}, "psnr.torchmetrics is about pairs of videos"),
        ({"protocols": ["fvd.*"]}, r"'fvd.\*' is a pattern; give protocols by their names"),
        ({"groups": [*GROUPS, GROUPS[0] | {"name": "short", "systems": ["short/tiny"]}]}, "short/tiny gives 8x32x32"),
        ({"groups": [GROUPS[0] | {"systems": ["gray/tiny"]}]}, "no pipeline 'gray/tiny'; did you mean 'grey/tiny'"),
        ({"groups": [GROUPS[0] | {"begin": "shipped"}]}, "grey/tiny ships without weights"),
        ({"data": {"train": "ucf101@$NOWHERE:train", "real": "ucf101@$NOWHERE:test"}}, "NOWHERE=FOLDER"),
        ({"budget": {"flops": 5}}, "a budget of 5 FLOPs is 0 steps of grey/tiny, which has 2 phases"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_line(greys: Path, changes: dict[str, Any], said: str) -> None:
    recipe = Recipe.model_validate(RECIPE | changes)
    with pytest.raises(UsageError, match=said):
        study.Study(recipe, greys / "out", "cpu").run(lambda *_: None)


def test_a_folder_is_one_recipes(greys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, recipe = greys / "out", Recipe.model_validate(RECIPE)
    run_id = study.claim(recipe, out, "cpu", {"name": "any"})
    renamed = recipe.model_copy(update={"summary": "Other words"})
    assert study.claim(renamed, out, "cpu", {"name": "any"}) == run_id
    for other in ((recipe, "cuda", {"name": "any"}), (recipe, "cpu", {"name": "other"})):
        with pytest.raises(UsageError, match=r"has another comparison \('greys'; what differs: (device|data)\)"):
            study.claim(other[0], out, other[1], other[2])
    assert run(["compare", "--recipe", written(greys, seeds=[3]), "--out", str(out), "--device", "cpu"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    (out / "recipe.json").write_text("{}")
    with pytest.raises(UsageError, match=r"recipe\.json: is no comparison's"):
        study.claim(recipe, out, "cpu", {"name": "any"})


def test_ucf101_goes_by_its_official_lists(greys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = greys / "ucf"
    files = [f"{name}/v_{name}_g{group:02d}_c01.avi" for name in ("Archery", "YoYo") for group in range(1, 13)]
    for number, file in enumerate(files):
        (root / "UCF-101" / file).parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(root / "UCF-101" / file), "w") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.height, stream.width, stream.pix_fmt = 24, 32, "yuv420p"
            for level in range(18):
                picture = np.full((24, 32, 3), 10 * number + level, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
    lists = root / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_text("1 Archery\n2 YoYo\n")
    (lists / "testlist01.txt").write_text("\n".join(files[::2]) + "\n")
    (lists / "trainlist01.txt").write_text("\n".join(f"{file} {1 + (file[0] == 'Y')}" for file in files[1::2]) + "\n")
    monkeypatch.setenv("UCF101", str(root))
    small = {"groups": GROUPS, "samples": 4, "seeds": [0], "budget": {"samples": 8}}
    tuning = {"factors": [1.0, 2.0], "share": 0.5, "samples": 3}
    recipe = Recipe.model_validate(RECIPES["ucf101"].model_dump() | small | {"tuning": tuning})
    out = greys / "out"
    assert study.Study(recipe, out, "cpu").run(lambda *_: None)
    records = records_of(out)
    assert {one.protocol.name for one in records if "generated" in one.subject.config} == set(recipe.protocols)
    levels = [read_video(path).frames_thwc for path in sorted((out / "data" / "real").iterdir())]
    levels += [read_video(path).frames_thwc for path in sorted((out / "data" / "other real clips").iterdir())]
    levels += [read_video(path).frames_thwc for path in sorted((out / "data" / "held out").iterdir())]
    numbers = [round((float(level[0].float().mean())) / 10) for level in levels]
    assert len(set(numbers)) == 4 + 4 + 3, "no clip twice"
    assert all(number % 2 == 0 for number in numbers), "none of the train list"
    assert {tuple(level.shape) for level in levels} == {(16, 32, 32, 3)}
    facts = read_facts(out / "two-greys" / "grey-tiny" / "seed-0" / "weights.safetensors")
    assert facts.request.data["name"] == "ucf101/train-01"
    greedy = study.Study(recipe.model_copy(update={"samples": 10}), greys / "more", "cpu")
    with pytest.raises(UsageError, match=r"gives 12 clips of 16 frames, and 23 are needed"):
        greedy.run(lambda *_: None)
