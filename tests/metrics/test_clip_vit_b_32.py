"""CLIP ViT-B/32 against OpenCLIP's own road from picture to embedding, and the published file's form."""

from pathlib import Path
from typing import cast

import open_clip
import pytest
import torch
from torchvision.transforms.functional import to_pil_image

from vidgauge.datasets.spatial.rule import SpatialRule
from vidgauge.metrics.networks import build_network
from vidgauge.metrics.networks.clip_vit_b_32 import ClipViTB32


@pytest.fixture(scope="module")
def network() -> ClipViTB32:
    return cast("ClipViTB32", build_network("clip-vit-b-32"))


def test_parameter_count_is_the_published_one(network: ClipViTB32) -> None:
    assert sum(parameter.numel() for parameter in network.parameters()) == 151_277_313


def test_frames_and_captions_are_embedded_as_open_clip_does(network: ClipViTB32) -> None:
    frames_thwc = torch.randint(0, 256, (2, 96, 130, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    video = SpatialRule.parse("crop-torchvision/pil-bicubic")(frames_thwc, 224, 224, torch.float32)
    ours = network.extract(video.transpose(0, 1)[None])["frames_ntd"][0]

    reference = open_clip.create_model("ViT-B-32-quickgelu", pretrained=None).eval()
    reference.load_state_dict(network.state_dict())
    preprocess = open_clip.image_transform(224, is_train=False)
    with torch.inference_mode():
        pictures = torch.stack([preprocess(to_pil_image(frame.permute(2, 0, 1))) for frame in frames_thwc])
        torch.testing.assert_close(ours, reference.encode_image(pictures, normalize=True), rtol=1e-5, atol=1e-6)
        tokens = open_clip.get_tokenizer("ViT-B-32-quickgelu")(["a red star"])
        captions = network.embed_captions(["a red star"])
        torch.testing.assert_close(captions, reference.encode_text(tokens, normalize=True), rtol=1e-5, atol=1e-6)


def test_long_captions_are_cut_and_said_to_be(network: ClipViTB32) -> None:
    assert network.unread(["short"]) == ""
    assert "1 captions are cut after 75 tokens" in network.unread(["short", "word " * 90])


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning", "ignore:.*torch.jit.*:FutureWarning")
def test_a_half_precision_archive_with_settings_among_its_tensors_is_read(
    network: ClipViTB32, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    for name, tensor in network.state_dict().items():
        put(archive, name, tensor.half())
    for name in CARDS["clip-vit-b-32"].not_weights:
        put(archive, name, torch.tensor(1))
    torch.jit.script(archive).save(tmp_path / "ViT-B-32.pt")  # type: ignore[no-untyped-call]  # torch leaves it so
    monkeypatch.setenv("VIDGAUGE_WEIGHTS", str(tmp_path))
    card = CARDS["clip-vit-b-32"].model_copy(update={"sha256": sha256(tmp_path / "ViT-B-32.pt")})
    fresh = cast("ClipViTB32", build_network("clip-vit-b-32", seed=1))
    load_into(fresh, load_tensors(card), "archive")
    torch.testing.assert_close(fresh.visual.proj, network.visual.proj.half().float())
