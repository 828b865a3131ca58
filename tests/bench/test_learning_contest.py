"""The contest of learning with a system of one number: what it trains, samples and compares, and that it goes on."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vidgauge.bench.contests import CONTESTS, Sitting, learning, learning_systems, transfer
from vidgauge.bench.contests.learning_scores import difference, verdict
from vidgauge.bench.contests.learning_sets import BASELINES, OTHER, REAL, SEED, Size, file_of, prompts, write_sets
from vidgauge.bench.contests.sepia_colours import off_sepia
from vidgauge.cli import run
from vidgauge.datasets import read_video
from vidgauge.datasets.moving_shapes import MovingShapes, scene_at
from vidgauge.datasets.moving_shapes.styles import INK, PAPER, sepia
from vidgauge.datasets.writing import write_video
from vidgauge.environment import Environment
from vidgauge.files import sha256
from vidgauge.record import Record
from vidgauge.reference_models import systems
from vidgauge.reference_models.pipeline import Advance, Phase, Pipeline, Sampling, Step
from vidgauge.reference_models.systems import PipelinePreset
from vidgauge.reference_models.training.data import Shapes
from vidgauge.reference_models.training.request import Request
from vidgauge.reference_models.training.trainer import train
from vidgauge.reference_models.training.weights import WEIGHTS, read_facts
from vidgauge.registry import Registry
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.store import read_json

pytestmark = pytest.mark.long

CLIPS = 3


class Toy(Pipeline):
    """Learns how grey its world is; with time on, each frame is a level brighter than the one before."""

    frames, height, width, fps = 3, 8, 8, 8.0

    def __init__(self) -> None:
        super().__init__()
        self.grey = nn.Linear(1, 1)

    def phases(self) -> Sequence[Phase]:
        return [Phase("only", ("grey",), self.loss, steps=3, batch=2, learning_rate=0.1)]

    def loss(self, step: Step) -> Tensor:
        clips = step.clips(frames=self.frames, height=self.height, width=self.width)
        loss: Tensor = (self.grey(torch.ones(1)) - clips.video_bcthw.mean()).square().mean()
        return loss

    def sample(
        self, captions: Sequence[str], noise_seeds: Sequence[int], options: Sampling, advance: Advance
    ) -> Iterator[Tensor]:
        advance(1, 1)
        assert all(" over " in caption for caption in captions)
        grey = (torch.arange(self.frames) * options.temporal + 128).to(torch.uint8)
        yield grey[None, :, None, None, None].expand(len(noise_seeds), -1, self.height, self.width, 3)


def stir(folder: Path) -> float:
    """How much the videos of a set move."""
    videos = [read_video(path).frames_thwc.float() for path in sorted(folder.glob("*.mkv"))]
    assert len(videos) == CLIPS
    return float(torch.stack([(video[1:] - video[:-1]).abs().mean() for video in videos]).mean())


def fields(value: float, name: str) -> dict[str, Any]:
    ends = {"low": value - 1e-3, "high": value + 1e-3, "level": 0.95}
    protocol = {"protocol": {"name": name, "fingerprint": name}, "n": CLIPS, "details": {"p": 0.012, "n_real": CLIPS}}
    return protocol | ends | {"measure": {"name": "stillness", "unit": "1", "better": "lower"}, "value": value}


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """One system, small sets, and a measure that takes no network: how much less a set moves than the real one."""
    shelf: Registry[PipelinePreset] = Registry("pipeline", "vidgauge.reference_models.systems")
    shelf.names()
    shelf.__dict__["_entries"].clear()
    shelf.register("toy/tiny")(PipelinePreset("Toy", Toy))
    shelf.register("toy/small")(PipelinePreset("Larger", Toy))
    for module in (systems, learning_systems):
        monkeypatch.setattr(module, "PIPELINES", shelf)
    monkeypatch.setattr(learning, "CLIPS", CLIPS)
    monkeypatch.setattr(
        learning, "distance", lambda real, videos, cache: fields(stir(real) - stir(videos), f"{cache.name}.toy")
    )
    monkeypatch.setattr(
        learning,
        "difference",
        lambda _real, samples, others, _cache: fields(stir(others) - stir(samples), "toy.difference"),
    )
    monkeypatch.setenv("VIDGAUGE_LEARNING", str(tmp_path / "work"))
    return tmp_path


def test_the_command_trains_samples_compares_and_goes_on(toys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["contest", "learning", "--store", str(toys / "kept.sqlite"), "--out", str(toys / "out.json")]
    assert run([*arguments, "--minutes", "1e-9", "--json"]) == 0
    assert {found["subject"]["kind"] for found in json.loads(capsys.readouterr().out)} == {"videos"}
    assert run([*arguments, "--json"]) == 0
    shown = [Record.model_validate(found) for found in json.loads(capsys.readouterr().out)]
    assert run(arguments) == 0, "nothing is left to do"
    text = capsys.readouterr().out
    records, _ = read_json(toys / "out.json")
    assert [record for record in records if record.subject.kind != "part"] == shown
    about = [(one.subject.name, one.subject.config["videos"], one.subject.config["less"]) for one in shown]
    assert about[: len(BASELINES)] == [("real clips", name, None) for name in BASELINES]
    still = "samples, temporal layers off"
    assert about[len(BASELINES) :] == [
        ("toy/tiny", "samples", None),
        ("toy/tiny", still, None),
        ("toy/tiny", "samples", still),
        *(("toy/tiny", "samples", name) for name in BASELINES),
    ]
    values = {one[1:]: record.value for one, record in zip(about, shown, strict=True)}
    assert values["samples", still] == pytest.approx(-1.0), "a level a frame"
    assert values["frozen", None] == pytest.approx(values["mean frame", None])
    assert values[OTHER, None] != 0
    assert shown[-1].subject.config["training"]["steps"] == {"only": 3}
    assert str(toys) not in (toys / "out.json").read_text()
    lines = text.splitlines()
    assert lines[0].startswith("**features.toy of 3 clips of 3x8x8 pixels against 3 real ones. Toy scale: ")
    assert f"| toy/tiny | {still} | -1.00 | -1.00 to -1.00 | 0.01 | closer to the real clips |" in lines
    (worse,) = (line for line in lines if line.startswith(f"| toy/tiny | {OTHER} | "))
    assert worse.endswith(" | **farther from the real clips** |")
    assert any(line.startswith("| toy/tiny | 2 | only 3 | 0.0 | ") for line in lines)


def test_other_weights_are_sampled_and_scored_anew(toys: Path) -> None:
    contest: Any = CONTESTS["learning"]
    environment = Environment.capture()

    def play(earlier: Sequence[Record]) -> list[str]:
        return [one.subject.name for one in contest.play(environment, lambda *_: None, Sitting(earlier))]

    first = list(contest.play(environment, lambda *_: None, Sitting()))
    assert [one.subject.name for one in first] == ["real clips", "toy/tiny"]
    assert play(first) == []
    weights = toys / "work" / "toy-tiny" / "weights.safetensors"
    weights.unlink()
    train(Request(system="toy/tiny", data=Shapes.facts, steps=9), Shapes(), weights.parent)
    assert play(first) == ["toy/tiny"]
    assert len(list(weights.parent.iterdir())) == 5, "weights, and two folders of samples for each of two"


def test_a_second_style_is_learnt_from_the_first_ones_weights(toys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SYSTEM", "toy/tiny"), ("PHASE", "only"), ("STEPS", 2)):
        monkeypatch.setattr(transfer, name, value)
    contest: Any = CONTESTS["transfer"]
    environment = Environment.capture()
    parts = list(contest.play(environment, lambda *_: None, Sitting()))
    shown = contest.summarise(parts, environment)
    home = toys / "work" / "toy-tiny-sepia"
    first, facts = read_facts(toys / "work" / "toy-tiny" / WEIGHTS), read_facts(home / WEIGHTS)
    assert (first.steps, facts.steps) == ({"only": 3}, {"only": 2})
    assert facts.request.begin == sha256(toys / "work" / "toy-tiny" / WEIGHTS)
    assert (first.request.data.get("style"), facts.request.data["style"]) == (None, "sepia")
    sets = {path.name for path in (toys / "work").iterdir()}
    assert sets >= {f"{CLIPS}-3x8x8-sepia", "toy-tiny", "toy-tiny-sepia"}, "real clips are in the second style alone"
    frames_thwc = read_video(file_of(toys / "work" / f"{CLIPS}-3x8x8-sepia" / REAL, 0)).frames_thwc
    assert torch.equal(frames_thwc, sepia(MovingShapes(3, 8, 8, seed=SEED)[0].frames_thwc))
    alone = [one for one in shown if one.subject.config["less"] is None]
    assert [one.subject.config["videos"] for one in alone if one.measure.name == "stillness"] == [
        *BASELINES,
        "samples",
        "samples, temporal layers off",
        "samples before the second style",
    ]
    text = LAYOUTS["transfer"](shown)
    assert text.count("| toy/tiny | samples before the second style | ") == 2, "of distances and of colours"
    assert f"**colours.sepia of {CLIPS} clips of 3x8x8 pixels, in levels. Toy scale: " in text
    colours = {one.subject.config["videos"]: one for one in alone if one.measure.name == "distance_from_sepia"}
    assert colours[REAL].value == pytest.approx(0, abs=0.9), "levels are whole"
    grey = off_sepia(torch.full((1, 1, 1, 3), 128, dtype=torch.uint8))
    assert colours["samples before the second style"].value == pytest.approx(grey, abs=0.5)


@pytest.mark.parametrize("beyond", [0.0, 40.0])
def test_distance_from_sepia_is_that_from_the_line_between_ink_and_paper(beyond: float) -> None:
    ink, paper = torch.tensor(INK), torch.tensor(PAPER)
    across = torch.linalg.cross(paper - ink, torch.tensor([1.0, 0.0, 0.0]))
    colour = (0.3 * ink + 0.7 * paper + beyond * across / across.norm()).round()
    nearest = min(float((colour - ink - t * (paper - ink)).norm()) for t in torch.linspace(0, 1, 10_001))
    assert off_sepia(colour.to(torch.uint8)) == pytest.approx(nearest, abs=1e-3)
    assert nearest == pytest.approx(beyond, abs=1.0)


def test_baselines_are_of_other_scenes_than_the_real_set_and_lose_their_motion(tmp_path: Path) -> None:
    assert list(write_sets(tmp_path, Size(4, 16, 16), 2)) == [1, 2]
    first = {name: read_video(file_of(tmp_path / name, 0)).frames_thwc.float() for name in (REAL, *BASELINES)}
    assert not torch.equal(first[REAL], first[OTHER])
    assert prompts(2)[0] == scene_at(SEED, 2).caption
    for name, video in first.items():
        moves = bool((video[1:] - video[:-1]).any())
        assert moves == (name in (REAL, OTHER, "blurred")), name
    assert torch.equal(first["frozen"][3], first[OTHER][0])
    assert (first["mean frame"][0] - first[OTHER].mean(0)).abs().max() <= 0.5
    sharpness = {name: (video[0, 1:] - video[0, :-1]).abs().mean() for name, video in first.items()}
    assert sharpness["blurred"] < sharpness[OTHER]


def test_differences_are_those_of_the_distances(tmp_path: Path) -> None:
    for seed, name in enumerate(("real", "a", "b")):
        generator = torch.Generator().manual_seed(seed)
        for number in range(3):
            noise = torch.randint(256, (16, 8, 8, 3), generator=generator).to(torch.uint8)
            write_video(file_of(tmp_path / name, number), noise // (seed + 1), 8.0)
    found = difference(tmp_path / "real", tmp_path / "a", tmp_path / "b", tmp_path / "cache")
    a, b = found["details"]["values"]
    assert found["value"] == pytest.approx(a - b)
    assert found["protocol"]["name"] == "fvd.shapes.difference"
    assert str(tmp_path) not in json.dumps(found)
    assert verdict(found) == "undecided", "three videos say nothing"
    assert [verdict({"low": low, "high": low + 2}) for low in (-3, -1, 1)] == ["better", "undecided", "worse"]


def test_without_records_there_is_no_table() -> None:
    assert LAYOUTS["learning"]([]) == "Nothing is measured yet.\n"


def test_the_trained_are_sampled_before_another_is_trained(toys: Path) -> None:
    systems.PIPELINES.register("first/tiny")(PipelinePreset("Toy", Toy))
    names = [contender.name for contender in learning_systems.contenders(toys)]
    train(Request(system="toy/tiny", data=Shapes.facts), Shapes(), toys / "toy-tiny")
    trained_first = [contender.name for contender in learning_systems.contenders(toys)]
    assert sorted(names) == ["first/tiny", "toy/tiny"]
    assert trained_first == ["toy/tiny", "first/tiny"]
