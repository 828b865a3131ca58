"""CLIP against OpenCLIP's own road from picture to embedding, and the published files' forms."""

from pathlib import Path
from typing import Any, cast

import open_clip
import pytest
import torch
from safetensors.torch import save_file
from torchvision.transforms.functional import to_pil_image

from vidgauge.datasets.spatial.rule import SpatialRule
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics.networks import InputSpec, build_network
from vidgauge.metrics.networks.clip import Clip


@pytest.fixture(scope="module")
def network() -> Clip:
    return cast("Clip", build_network("clip"))


def test_parameter_counts_are_the_published_ones(network: Clip) -> None:
    assert sum(parameter.numel() for parameter in network.parameters()) == 151_277_313
    assert sum(parameter.numel() for parameter in network.clip.visual.parameters()) == 87_849_216
    assert network.input == InputSpec(frames=None, height=224, width=224)


def test_the_old_name_is_the_default_model(network: Clip) -> None:
    with torch.device("meta"):
        assert Clip().state_dict().keys() == network.state_dict().keys()


@pytest.mark.parametrize(
    ("model", "size", "dimensions", "parameters"),
    [
        ("ViT-B-16-plus-240", 240, 640, 208_377_345),
        ("RN50x4-quickgelu", 288, 640, 178_300_601),
        ("coca_ViT-B-32", 224, 512, 253_560_065),
        ("EVA02-B-16", 224, 512, 149_691_137),
        ("ViT-B-16-SigLIP-256", 256, 768, 203_202_050),
    ],
)
def test_other_models(model: str, size: int, dimensions: int, parameters: int) -> None:
    with torch.device("meta"):
        network = Clip(model)
    assert (network.input.height, network.input.width) == (size, size)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    found = network.extract(torch.empty(2, 3, 2, size, size, device="meta"))
    assert found["frames_ntd"].shape == (2, 2, dimensions)
    with pytest.raises(UsageError, match=rf"clip \({model}\) was given .* 128x128; it needs 3 channels and {size}x"):
        network.extract(torch.empty(2, 3, 2, 128, 128, device="meta"))


def test_mean_and_deviation_are_those_of_the_weights_that_are_meant() -> None:
    network = Clip("ViT-S-32-alt")
    torch.testing.assert_close(network.mean.flatten(), torch.tensor(open_clip.OPENAI_DATASET_MEAN))
    torch.testing.assert_close(network.std.flatten(), torch.tensor(open_clip.OPENAI_DATASET_STD))
    other = Clip("MobileCLIP-S1", pretrained="datacompdr")
    assert (other.mean.flatten().tolist(), other.std.flatten().tolist()) == ([0.0] * 3, [1.0] * 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "ViT-B32"}, "no model 'ViT-B32'; did you mean 'ViT-B-32'"),
        ({"model": "roberta-ViT-B-32"}, "the captions' tower of 'roberta-ViT-B-32' is not OpenCLIP's own"),
        ({"pretrained": "opnai"}, "has no weights 'opnai'; did you mean 'openai'"),
        (
            {"model": "ViT-B-32", "pretrained": "openai"},
            "another activation than 'ViT-B-32' computes; take ViT-B-32-quickgelu",
        ),
    ],
)
def test_what_does_not_exist_or_fit_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message), torch.device("meta"):
        build_network("clip", **arguments)


def test_frames_and_captions_are_embedded_as_open_clip_does(network: Clip) -> None:
    frames_thwc = torch.randint(0, 256, (2, 96, 130, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    video = SpatialRule.parse("crop-torchvision/pil-bicubic")(frames_thwc, 224, 224, torch.float32)

    reference = open_clip.create_model("ViT-B-32-quickgelu", pretrained=None).eval()
    reference.load_state_dict(network.clip.state_dict())
    preprocess = open_clip.image_transform(224, is_train=False)
    with torch.inference_mode():
        ours = network.extract(video.transpose(0, 1)[None])["frames_ntd"][0]
        pictures = torch.stack([preprocess(to_pil_image(frame.permute(2, 0, 1))) for frame in frames_thwc])
        torch.testing.assert_close(ours, reference.encode_image(pictures, normalize=True), rtol=1e-5, atol=1e-6)
        tokens = open_clip.get_tokenizer("ViT-B-32-quickgelu")(["a red star"])
        captions = network.embed_captions(["a red star"])
        torch.testing.assert_close(captions, reference.encode_text(tokens, normalize=True), rtol=1e-5, atol=1e-6)


def test_twice_and_in_float64() -> None:
    network = cast("Clip", build_network("clip", model="ViT-S-32-alt", seed=1))
    clip = torch.rand(2, 3, 2, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        single, again = (network.extract(clip)["frames_ntd"] for _ in range(2))
        texts = network.embed_captions(["a red star"])
        network = network.double()
        double = network.extract(clip.double())["frames_ntd"]
        torch.testing.assert_close(network.embed_captions(["a red star"]).float(), texts, rtol=1e-4, atol=1e-5)
    assert torch.equal(single, again)
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), single, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(double.norm(dim=2), torch.ones(2, 2, dtype=torch.float64))


def test_long_captions_are_cut_and_said_to_be(network: Clip) -> None:
    assert network.unread(["short"]) == ""
    assert "1 captions are cut after 75 tokens" in network.unread(["short", "word " * 90])


def test_a_tokenizer_that_is_not_there_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"no tokenizer of {name}")

    monkeypatch.setattr(open_clip, "get_tokenizer", missing)
    with torch.device("meta"):
        network = Clip("ViT-B-16-SigLIP-256")
    with pytest.raises(VidgaugeError, match="cannot read captions here: its tokenizer: no tokenizer of ViT-B-16"):
        network.embed_captions(["a red star"])


def test_files_of_open_clip_are_read(tmp_path: Path) -> None:
    """As its trainings leave them, or as it publishes them, halved; a tower of captions apart, or not."""
    network = cast("Clip", build_network("clip", model="ViT-S-32-alt", seed=1))
    tensors = network.clip.state_dict()
    save_file({name: one.half() for name, one in tensors.items()}, tmp_path / "open_clip_model.safetensors")
    torch.save({"state_dict": {f"module.{name}": one for name, one in tensors.items()}}, tmp_path / "epoch_1.pt")
    for file, tolerance in (("open_clip_model.safetensors", 1e-3), ("epoch_1.pt", 0)):
        again = cast("Clip", build_network("clip", weights=tmp_path / file, seed=2, model="ViT-S-32-alt"))
        for name, one in again.clip.state_dict().items():
            torch.testing.assert_close(one, tensors[name], rtol=tolerance, atol=tolerance / 10)
    with torch.device("meta"):
        apart = Clip("EVA02-B-16")
        together = {name.replace("clip.text.", ""): one for name, one in apart.state_dict().items()}
    assert apart.from_published(together).keys() == apart.state_dict().keys()


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning", "ignore:.*torch.jit.*:FutureWarning")
def test_a_half_precision_archive_with_settings_among_its_tensors_is_read(
    network: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The published file is such an archive; one of that form with our own random tensors stands in for it."""
    from vidgauge.metrics.weights import CARDS
    from vidgauge.weights import load_into, load_tensors, sha256

    class Archive(torch.nn.Module):
        pass

    def put(module: torch.nn.Module, name: str, tensor: torch.Tensor) -> None:
        head, _, rest = name.partition(".")
        if rest:
            if not hasattr(module, head):
                module.add_module(head, Archive())
            put(getattr(module, head), rest, tensor)
        else:
            module.register_buffer(head, tensor)

    archive = Archive()
    for name, tensor in network.clip.state_dict().items():
        put(archive, name, tensor.half())
    for name in CARDS["clip-vit-b-32"].not_weights:
        put(archive, name, torch.tensor(1))
    torch.jit.script(archive).save(tmp_path / "ViT-B-32.pt")  # type: ignore[no-untyped-call]  # torch leaves it so
    monkeypatch.setenv("VIDGAUGE_WEIGHTS", str(tmp_path))
    card = CARDS["clip-vit-b-32"].model_copy(update={"sha256": sha256(tmp_path / "ViT-B-32.pt")})
    fresh = cast("Clip", build_network("clip", seed=1))
    load_into(fresh, fresh.from_published(load_tensors(card)), "archive")
    torch.testing.assert_close(fresh.clip.visual.proj, network.clip.visual.proj.half().float())
