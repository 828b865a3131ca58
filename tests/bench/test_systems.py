"""Presets of reference systems in suites: a made-up system, and none at all."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import vidgauge.reference_models
from vidgauge.bench import system_cases
from vidgauge.bench.construct import construct
from vidgauge.bench.crossover import crossover_records
from vidgauge.bench.messages import Built, Done, Job, Message, Probed, Timed
from vidgauge.bench.parts import check_parts, parts
from vidgauge.bench.profile_table import tables
from vidgauge.bench.profiling import find_suite
from vidgauge.bench.suite import Suite, Variant, parse_suite
from vidgauge.bench.suites import SUITES
from vidgauge.bench.timing.rounds import TimingRule
from vidgauge.bench.worker import run
from vidgauge.errors import UsageError
from vidgauge.record import Record
from vidgauge.reference_models import systems
from vidgauge.reference_models.cost import Cost
from vidgauge.reference_models.layers import build
from vidgauge.reference_models.pipeline import Advance, Phase, Pipeline, Sampling, Step, to_frames
from vidgauge.reference_models.system import System
from vidgauge.reference_models.systems import PipelinePreset, Preset
from vidgauge.registry import Registry


class Toy(System):
    """One convolution, told how noisy the video is and which of ten classes it shows; the class is frozen."""

    takes = "video_bcthw"
    in_channels = 3

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.grid = (frames, 4, 4)
        self.convolution = build("conv3d", in_channels=3, out_channels=3)
        self.labels = nn.Parameter(torch.ones(10, 3), requires_grad=False)

    def more_inputs(self, shape: Sequence[int], generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        log_snr_b = torch.randn(shape[0], generator=generator)
        return log_snr_b, torch.randint(10, (shape[0],), generator=generator)

    def forward(
        self, video_bcthw: torch.Tensor, log_snr_b: torch.Tensor | None = None, label_b: torch.Tensor | None = None
    ) -> torch.Tensor:
        assert log_snr_b is not None
        assert label_b is not None
        shift = self.labels[label_b] + log_snr_b[:, None]
        out: torch.Tensor = self.convolution(video_bcthw + shift[..., None, None, None])
        return out

    def cost(self, shape: Sequence[int]) -> Cost:
        self.split(shape)
        cost: Cost = self.convolution.cost(shape)
        return cost


class Whole(Pipeline):
    """Two phases that train one network each; samples take three steps of the second."""

    frames, height, width, fps = 2, 4, 4, 8.0

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Toy(2), Toy(2)

    def phases(self) -> Sequence[Phase]:
        return [
            Phase("first", ("first",), partial(self.loss, self.first), 10, 4, 1e-3),
            Phase("second", ("second",), partial(self.loss, self.second), 10, 4, 1e-3, self.begin),
        ]

    def begin(self) -> None:
        self.second.load_state_dict(self.first.state_dict())

    def loss(self, network: Toy, step: Step) -> torch.Tensor:
        assert [network.convolution.training for network in (self.first, self.second)].count(True) == 1
        clips = step.clips(frames=self.frames, height=self.height, width=self.width)
        return self.call(network, clips.video_bcthw).square().mean()

    def call(self, network: Toy, video_bcthw: torch.Tensor) -> torch.Tensor:
        batch = len(video_bcthw)
        out: torch.Tensor = network(video_bcthw, torch.zeros(batch), torch.zeros(batch, dtype=torch.int64))
        return out

    def sample(
        self, captions: Sequence[str], noise_seeds: Sequence[int], options: Sampling, advance: Advance
    ) -> Iterator[torch.Tensor]:
        assert (options.steps, options.temporal, list(noise_seeds)) == (None, True, list(range(len(captions))))
        video_bcthw = torch.zeros(len(captions), 3, *self.first.grid)
        for step in range(3):
            video_bcthw = self.call(self.second, video_bcthw)
            advance(step + 1, 3)
        yield to_frames(video_bcthw)


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Registry[Preset]:
    """Nothing but what the test registers, and one pipeline."""
    empty: Registry[Preset] = Registry("system", "vidgauge.reference_models.systems")
    empty.names()
    empty.__dict__["_entries"].clear()
    monkeypatch.setattr(systems, "SYSTEMS", empty)
    monkeypatch.setattr(system_cases, "SYSTEMS", empty)
    none: Registry[PipelinePreset] = Registry("pipeline", "vidgauge.reference_models.systems")
    none.names()
    none.__dict__["_entries"].clear()
    none.register("toy/tiny")(PipelinePreset("Both", Whole))
    for module in (systems, system_cases):
        monkeypatch.setattr(module, "PIPELINES", none)
    return empty


@pytest.fixture
def toys(shelf: Registry[Preset]) -> None:
    for name, frames in (("toy/tiny", 2), ("toy/small", 4), ("other/tiny", 2), ("toy/paper", 64)):
        shelf.register(name)(Preset(f"{frames} frames", "video_bcthw", partial(Toy, frames)))


ASKED: dict[str, Any] = {"presets": ["*/tiny", "*/small"], "directions": ["inference"], "budget": 0.2}


def suite(**fields: object) -> Suite:
    table = {"name": "mine", "summary": "None", "systems": [ASKED], "threads": 1, "timing": {"max_rounds": 9}}
    return parse_suite(table | fields)


@pytest.mark.usefixtures("toys")
def test_presets_made_for_the_same_input_stand_side_by_side() -> None:
    first, second = find_suite(suite()).cases
    assert [variant.name for variant in first.variants] == ["other/tiny", "toy/tiny"]
    assert [variant.system for variant in second.variants] == ["toy/small"]
    assert (first.shape, second.shape) == ((3, 2, 4, 4), (3, 4, 4, 4))
    assert first.baseline == "other/tiny"
    assert first.name == "*/tiny, */small: video_bcthw 3x2x4x4"
    everything = find_suite(SUITES["systems"])
    check_parts(everything, list(parts(everything)))
    assert find_suite(everything) == everything


@pytest.mark.usefixtures("toys")
def test_the_public_names() -> None:
    assert vidgauge.reference_models.presets() == ["other/tiny", "toy/paper", "toy/small", "toy/tiny"]
    system = vidgauge.reference_models.build("toy/small", device="meta")
    assert isinstance(system, System)
    assert {parameter.device.type for parameter in system.parameters()} == {"meta"}
    assert system.input_shape(2) == (2, 3, 4, 4, 4)
    with pytest.raises(UsageError, match="no system 'toy/smal'; did you mean 'toy/small'"):
        vidgauge.reference_models.build("toy/smal")


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"systems": []}, "the whole: .*neither cases nor systems"),
        ({"systems": [{"presets": ["toy/*"], "budget": 1}]}, "systems.0.directions: Field required"),
        (
            {"systems": [ASKED | {"preset": ["toy/*"]}]},
            "systems.0.preset: there is no such key; did you mean 'presets'",
        ),
    ],
)
def test_what_a_suite_may_not_say_of_systems(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=f"suite 'mine': {said}"):
        suite(**fields)


@pytest.mark.usefixtures("toys")
def test_a_pattern_that_fits_nothing_is_refused() -> None:
    asked = {"presets": ["toy/tiny", "tyo/small"], "directions": ["inference"], "budget": 1.0}
    with pytest.raises(UsageError, match="no system fits 'tyo/small'; did you mean 'toy/small'"):
        find_suite(suite(systems=[asked]))


def case(variant: dict[str, Any], shape: Sequence[int] = (3, 2, 4, 4)) -> Suite:
    one = {"name": "only", "shape": shape, "directions": ["inference"], "budget": 0.1, "baseline": "it"}
    return parse_suite({"name": "mine", "summary": "None", "cases": [one | {"variants": [variant | {"label": "it"}]}]})


@pytest.mark.usefixtures("toys")
def test_a_variant_is_a_layer_or_a_whole_system() -> None:
    (part,) = parts(case({"system": "toy/tiny", "layout": "channels_last_3d"}))
    assert isinstance(construct(part.variants[0], "meta", "inference"), Toy)
    for variant in ({}, {"system": "toy/tiny", "layer": "conv3d"}):
        with pytest.raises(UsageError, match="either a layer or a system"):
            case(variant)
    with pytest.raises(UsageError, match="'toy/tiny' takes no config"):
        case({"system": "toy/tiny", "config": {"frames": 3}})
    with pytest.raises(UsageError, match="no system 'toy/tin'; did you mean 'toy/tiny'"):
        list(parts(case({"system": "toy/tin"})))
    narrow = case({"system": "toy/tiny"}, shape=(4, 2, 4, 4))
    with pytest.raises(UsageError, match="case 'only', it: Toy was built for 3 channels"):
        check_parts(narrow, list(parts(narrow)))


def worked(direction: str, batch: int) -> list[Message]:
    """What a worker tells that measures toy/tiny in one direction."""
    job = Job.model_validate(
        {
            "variants": [Variant(system="toy/tiny")],
            "baseline": "toy/tiny",
            "shape": (batch, 3, 2, 4, 4),
            "dtype": "float32",
            "device": "cpu",
            "direction": direction,
            "threads": torch.get_num_threads(),
            "seed": 0,
            "rule": TimingRule(warmup_rounds=1, max_rounds=6),
            "budget": 0.05,
            "memory_runs": 1,
        }
    )
    sent: list[Message] = []
    run(job, sent.append)
    assert sent[-1] == Done()
    assert any(isinstance(message, Timed) for message in sent)
    return sent


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize("direction", ["inference", "forward", "backward", "forward+backward"])
def test_the_worker_gives_a_system_all_its_inputs(direction: str) -> None:
    """Whole numbers among them, and parameters that no gradient is for."""
    sent = worked(direction, 2)
    assert [message.backends for message in sent if isinstance(message, Probed)] == [["Mkldnn"]]


@pytest.mark.usefixtures("toys")
def test_whole_systems_stand_side_by_side_where_videos_have_one_size() -> None:
    both = suite(systems=[ASKED | {"directions": ["inference", "training-step", "sample"], "presets": ["toy/tiny"]}])
    network, whole = find_suite(both).cases
    assert (network.directions, whole.directions) == (["inference"], ["training-step", "sample"])
    assert whole.name == "toy/tiny: whole systems, 3x2x4x4"
    assert whole.shape == (3, 2, 4, 4)
    check_parts(both, list(parts(find_suite(both))))
    with pytest.raises(UsageError, match="no system fits"):
        find_suite(suite(systems=[ASKED | {"directions": ["sample"], "presets": ["other/tiny"]}]))
    mixed = whole.model_dump() | {"directions": ["sample", "inference"]}
    with pytest.raises(UsageError, match=r"case 'toy/tiny: .*: first-frame, sample, training-step are of whole"):
        parse_suite({"name": "mine", "summary": "None", "cases": [mixed]})


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize(("direction", "calls"), [("training-step", 2), ("sample", 3)])
def test_the_worker_times_whole_systems_and_counts_all_calls_of_their_networks(direction: str, calls: int) -> None:
    sent = worked(direction, 5)
    (built,), (probed,) = ([message for message in sent if isinstance(message, kind)] for kind in (Built, Probed))
    one = Toy(2).cost((5, 3, 2, 4, 4))
    assert isinstance(built, Built)
    assert built.cost.forward_flops == calls * one.forward_flops
    assert built.cost.parameters == sum(parameter.numel() for parameter in Whole().parameters())
    assert isinstance(probed, Probed)
    assert probed.backends == ["Mkldnn"] * calls
    assert probed.operators


_PACKAGE = """
    from vidgauge.reference_models.layers import build
    from vidgauge.reference_models.system import System
    from vidgauge.reference_models.systems import SYSTEMS, Preset

    class Toy(System):
        takes = "video_bcthw"
        in_channels = 3
        grid = (2, 4, 4)

        def __init__(self):
            super().__init__()
            self.convolution = build("conv3d", in_channels=3, out_channels=3)

        def forward(self, video_bcthw):
            return self.convolution(video_bcthw)

        def cost(self, shape):
            return self.convolution.cost(shape)

    SYSTEMS.register("toy/tiny")(Preset("As small as can be", "video_bcthw", Toy))
    SYSTEMS.register("toy/too")(Preset("The same", "video_bcthw", Toy))
"""
_SUITE = """
    summary = "systems of others"
    threads = 1
    timing = { max_rounds = 9 }
    [[systems]]
    presets = ["toy/*"]
    directions = ["inference"]
    budget = 0.1
    [[cases]]
    name = "along time"
    shape = [3, 2, 4, 4]
    directions = ["inference"]
    budget = 0.1
    baseline = "toy/tiny"
    sweep = { axis = "T", values = [1, 2] }
    variants = [{ system = "toy/tiny" }, { system = "toy/too" }]
"""


@pytest.mark.long
def test_a_system_of_another_package_is_listed_and_profiled(tmp_path: Path) -> None:
    (tmp_path / "others_systems.py").write_text(textwrap.dedent(_PACKAGE))
    metadata = tmp_path / "others_systems-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: others-systems\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[vidgauge.system]\ntoy = others_systems\n")
    (tmp_path / "mine.toml").write_text(textwrap.dedent(_SUITE))
    listed = {row["name"]: row["summary"] for row in json.loads(_vidgauge(tmp_path, "list", "systems", "--json"))}
    assert listed["toy/tiny"] == "As small as can be"
    said = _vidgauge(tmp_path, "profile", "mine.toml", "--store", "s.sqlite", "--json")
    records = [Record.model_validate(item) for item in json.loads(said)]
    latencies = [record for record in records if record.measure.name == "latency"]
    assert [record.subject.name for record in latencies] == ["toy/tiny", "toy/too"] * 3
    assert {record.subject.kind for record in records} == {"system"}
    assert {record.status for record in latencies} == {"ok"}
    assert latencies[1].subject.config["system"] == "toy/too"
    assert [table.columns[0].header for table in tables(records)] == ["system"] * 3
    assert len([record for record in records if record.measure.name == "crossover"]) == 1
    assert len(list(crossover_records(records))) == 1


def _vidgauge(folder: Path, *arguments: str) -> str:
    environment: dict[str, Any] = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-P", "-c", "from vidgauge.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout
