"""Parts and pipelines of diffusers: with the library where it is installed, and with a stand-in everywhere."""

import importlib.util
import json
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from vidgauge.bench.construct import construct
from vidgauge.bench.parts import parts
from vidgauge.bench.suite import read_suite
from vidgauge.cli import run
from vidgauge.datasets import read_video, write_video
from vidgauge.datasets.moving_shapes import MovingShapes
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.reference_models.diffusers_parts import DiffusersPart, build_part
from vidgauge.reference_models.diffusers_sampling import sample_pipeline

PAGE = Path(__file__).parents[2] / "docs" / "diffusers.md"
needs_diffusers = pytest.mark.skipif(importlib.util.find_spec("diffusers") is None, reason="diffusers is not installed")


class ToyVideoModel(nn.Module):
    """As parts of diffusers are: made from arguments, which ``config`` repeats; gives a tuple."""

    def __init__(self, in_channels: int = 4, cross_attention_dim: int = 6, **_: object) -> None:
        super().__init__()
        self.config = {"in_channels": in_channels, "cross_attention_dim": cross_attention_dim}
        self.mix = nn.Conv3d(in_channels, in_channels, 3, padding=1)
        self.read = nn.Linear(cross_attention_dim, in_channels)
        self.seen: dict[str, tuple[int, ...]] = {}

    def forward(
        self, sample: torch.Tensor, timestep: torch.Tensor, encoder_hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None, return_dict: bool = True,
    ) -> tuple[torch.Tensor]:  # fmt: skip
        assert attention_mask is None
        assert not return_dict
        self.seen = {"sample": sample.shape, "time": timestep.shape, "text": encoder_hidden_states.shape}
        text = self.read(encoder_hidden_states).mean(dim=1)
        return (self.mix(sample) + text[:, :, None, None, None],)


class Toy2DModel(nn.Module):
    """A network of images."""

    def __init__(self) -> None:
        super().__init__()
        self.config = {"in_channels": 3}
        self.mix = nn.Conv2d(3, 3, 1)

    def forward(self, sample: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.mix(sample)
        return out


class ToyOddModel(nn.Module):
    """Needs what nobody can make."""

    def forward(self, hidden_states: torch.Tensor, secret: torch.Tensor) -> None:
        del hidden_states, secret


class ToyPipeline:
    """As pipelines of diffusers are called."""

    calls = 0

    def to(self, device: str) -> "ToyPipeline":
        assert device == "cpu"
        return self

    def set_progress_bar_config(self, *, disable: bool) -> None:
        assert disable

    def __call__(
        self, prompt: str, num_frames: int = 16, *, generator: torch.Generator, output_type: str
    ) -> SimpleNamespace:
        assert output_type == "np"
        type(self).calls += 1
        if prompt == "stop":
            raise KeyboardInterrupt
        noise = torch.rand(1, num_frames, 16, 16, 3, generator=generator) * 2 - 0.5
        return SimpleNamespace(images=noise) if prompt == "image" else SimpleNamespace(frames=noise.numpy())


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The library, and the folder of a pipeline."""
    library: Any = ModuleType("diffusers")
    library.ToyVideoModel, library.Toy2DModel, library.ToyOddModel = ToyVideoModel, Toy2DModel, ToyOddModel
    library.utils = SimpleNamespace(logging=SimpleNamespace(disable_progress_bar=lambda: None))

    def from_pretrained(source: str, *, local_files_only: bool, torch_dtype: torch.dtype) -> ToyPipeline:
        assert torch_dtype == torch.float32
        if not local_files_only:
            raise OSError(f"{source} is not here,\nand there is no network")
        return ToyPipeline()

    library.DiffusionPipeline = SimpleNamespace(from_pretrained=from_pretrained)
    monkeypatch.setitem(sys.modules, "diffusers", library)
    monkeypatch.setattr(ToyPipeline, "calls", 0)
    (tmp_path / "pipe" / "vae").mkdir(parents=True)
    (tmp_path / "pipe" / "model_index.json").write_text("{}")
    saved = {"_class_name": "ToyVideoModel", "_diffusers_version": "0", "in_channels": 2}
    (tmp_path / "pipe" / "vae" / "config.json").write_text(json.dumps(saved))
    return tmp_path / "pipe"


@pytest.mark.usefixtures("stand_in")
def test_a_part_is_given_what_its_configuration_asks_for() -> None:
    part = build_part("diffusers:ToyVideoModel", {"in_channels": 5, "cross_attention_dim": 8})
    shape = (2, 5, 4, 6, 7)
    more = part.more_inputs(shape, torch.Generator())
    assert part(torch.zeros(shape), *more).shape == shape
    assert isinstance(part.module, ToyVideoModel)
    assert part.module.seen == {"sample": shape, "time": (2,), "text": (2, 77, 8)}
    with pytest.raises(UsageError, match="built for 5 channels"):
        part.split((1, 4, 4, 6, 7))


@pytest.mark.usefixtures("stand_in")
def test_its_cost_is_what_torch_counts_there_and_back() -> None:
    part = build_part("diffusers:ToyVideoModel", {"in_channels": 5, "cross_attention_dim": 8})
    cost = part.cost((2, 5, 4, 6, 7))
    conv, text = 2 * 2 * 5 * 5 * 27 * 4 * 6 * 7, 2 * 2 * 77 * 8 * 5
    assert cost.forward_flops == conv + text
    assert cost.backward_flops == 2 * conv + text  # no gradient is asked for of the text
    assert cost.parameters == 5 * 5 * 27 + 5 + 8 * 5 + 5
    handed = 2 * 5 * 4 * 6 * 7 + 2 * 77 * 5
    assert cost.min_bytes == 4 * (cost.parameters + 2 * handed)
    assert cost.activation_bytes == 4 * (2 * 5 * 4 * 6 * 7 + 2 * 77 * 8)
    assert all(parameter.grad is None for parameter in part.parameters())


@pytest.mark.usefixtures("stand_in")
def test_a_network_of_images_gets_frames() -> None:
    part = build_part("diffusers:Toy2DModel", {})
    assert part(torch.zeros(2, 3, 4, 6, 7)).shape == (8, 3, 6, 7)
    assert part.cost((2, 3, 4, 6, 7)).forward_flops == 2 * 3 * 3 * 8 * 6 * 7


def test_a_folder_says_what_the_part_is(stand_in: Path) -> None:
    part = build_part(f"diffusers:{stand_in / 'vae'}", {"cross_attention_dim": 3})
    assert (part.in_channels, part._config["cross_attention_dim"]) == (2, 3)


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("ToyVideoModle", {}, "did you mean 'ToyVideoModel'"),
        ("ToyVideoModel", {"in_chanels": 3}, "did you mean 'in_channels'"),
        ("ToyOddModel", {}, "needs secret; only timestep"),
        ("{pipe}", {}, "is a whole pipeline; give one of its parts, .* and vae"),
        ("{pipe}/nothing", {}, "is no folder of a part of diffusers: config.json: .*No such file"),
    ],
)
def test_what_cannot_be_measured_is_one_line(stand_in: Path, name: str, config: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build_part(f"diffusers:{name.format(pipe=stand_in)}", config)


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(VidgaugeError, match=r"pip install 'vidgauge\[diffusers\]'"):
        build_part("diffusers:AutoencoderKL", {})


def sampled(stand_in: Path, prompts: Sequence[str], **options: object) -> int:
    return sample_pipeline(str(stand_in), stand_in.parent / "out", prompts, {"num_frames": 3} | options)


def test_videos_and_manifest_are_written_and_a_cut_off_call_goes_on(stand_in: Path) -> None:
    out = stand_in.parent / "out"
    with pytest.raises(KeyboardInterrupt):
        sampled(stand_in, ["a", "stop"])
    assert [path.name for path in sorted(out.glob("*.mkv"))] == ["000000.mkv"]
    first = read_video(out / "000000.mkv").frames_thwc
    assert (first.shape, int(first.min()), int(first.max())) == ((3, 16, 16, 3), 0, 255)
    with pytest.raises(UsageError, match="videos of other options"):
        sampled(stand_in, ["a", "b"])  # another caption
    (out / "manifest.jsonl").unlink()
    (out / "000000.mkv").unlink()
    assert sampled(stand_in, ["a", "b", "b"]) == 3
    assert torch.equal(read_video(out / "000000.mkv").frames_thwc, first)
    assert not torch.equal(read_video(out / "000001.mkv").frames_thwc, read_video(out / "000002.mkv").frames_thwc)
    (out / "000001.mkv").unlink()
    calls = ToyPipeline.calls
    assert sampled(stand_in, ["a", "b", "b"]) == 1
    assert sampled(stand_in, ["a", "b", "b"]) == 0
    assert ToyPipeline.calls == calls + 1
    row = json.loads((out / "manifest.jsonl").read_text("utf-8").splitlines()[1])
    assert (row["file"], row["caption"], row["seed"], row["fps"]) == ("000001.mkv", "b", 0, 8.0)
    assert (row["options"], len(row["weights"])) == ({"num_frames": 3}, 64)
    for change in ({"seed": 1}, {"num_frames": 4}):
        with pytest.raises(UsageError, match="videos of other options"):
            sampled(stand_in, ["a", "b", "b"], **change)
    (stand_in / "vae" / "weights").write_bytes(b"trained further")
    with pytest.raises(UsageError, match="videos of other options"):
        sampled(stand_in, ["a", "b", "b"])


def test_what_cannot_be_sampled_is_one_line(stand_in: Path) -> None:
    for prompts, options, said in (
        ([], {}, "needs prompts"),
        (["a"], {"num_frame": 2}, "did you mean 'num_frames'"),
        (["image"], {}, "makes no videos, but images"),
        (["a"], {"dtype": "int8"}, "it is one of float32"),
    ):
        out = stand_in.parent / "-".join(["x", *prompts, *options])
        with pytest.raises(UsageError, match=said):
            sample_pipeline(str(stand_in), out, prompts, options)
    with pytest.raises(UsageError, match=r"holds no model_index\.json"):
        sample_pipeline(str(stand_in / "vae"), stand_in.parent / "y", ["a"], {})
    with pytest.raises(VidgaugeError, match="diffusers cannot read the pipeline some/name"):
        sample_pipeline("some/name", stand_in.parent / "z", ["a"], {})


def test_a_pipeline_is_sampled_and_scored(
    stand_in: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(stand_in.parent)
    for sample in MovingShapes(frames=16, height=16, width=16, seed=0, count=3):
        write_video(Path("videos/real") / f"{sample.id}.mkv", sample.frames_thwc, sample.fps)
    Path("prompts.txt").write_text("a red star\na blue ring\n")
    (line,) = re.findall(r"^vidgauge (score .*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    command = shlex.split(line)
    more = ["--protocol", "frame-consistency.shapes", "--workers", "0", "--json", "--no-cache"]
    assert run([*command, *more]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["subject"]["name"], record["n"]) == ("pipe", 2)
    assert record["subject"]["config"]["generated"] == ["videos/pipe"]
    assert run([*command, *more, "--pipeline-option", "frames"]) == 2
    assert "KEY=VALUE" in capsys.readouterr().err
    assert run(["score", "--real", "videos/real", "--generated", "videos/real", "--samples", "x"]) == 2
    assert "are for --generated diffusers:PIPELINE" in capsys.readouterr().err
    assert run([*command, "--generated", "videos/real"]) == 2
    assert "stands alone" in capsys.readouterr().err


@pytest.mark.usefixtures("stand_in")
def test_the_suite_of_the_page_plans_its_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (table,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (tmp_path / "denoisers.toml").write_text(table)
    (tmp_path / "pipe" / "vae").rename(tmp_path / "pipe" / "unet")
    monkeypatch.chdir(tmp_path)
    (part,) = parts(read_suite(Path("denoisers.toml")))
    assert part.shape == (1, 4, 16, 32, 32)
    theirs, mine = part.variants
    assert theirs.config["sample_height"] == 32
    assert isinstance(construct(mine, "cpu", "inference"), DiffusersPart)
    assert next(construct(mine, "meta", "inference").parameters()).is_meta


SMALL_UNET: dict[str, Any] = {
    "sample_size": 8, "block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 4,
    "down_block_types": ("CrossAttnDownBlock3D", "DownBlock3D"), "cross_attention_dim": 16,
    "up_block_types": ("UpBlock3D", "CrossAttnUpBlock3D"), "attention_head_dim": 4,
}  # fmt: skip


@needs_diffusers
@pytest.mark.filterwarnings("ignore")
def test_parts_of_the_library_itself() -> None:
    for name, config, shape in (
        ("UNet3DConditionModel", SMALL_UNET, (1, 4, 4, 8, 8)),
        ("AutoencoderKL", {"block_out_channels": (8,), "norm_num_groups": 4}, (1, 3, 2, 8, 8)),
    ):
        part = build_part(f"diffusers:{name}", config)
        more = part.more_inputs(shape, torch.Generator().manual_seed(0))
        assert torch.isfinite(part(torch.zeros(shape), *more)).all()
        cost = part.cost(shape)
        assert cost.parameters == sum(parameter.numel() for parameter in part.parameters())
        assert cost.backward_flops > 1.5 * cost.forward_flops > 0
        assert np.isfinite(cost.min_bytes)
