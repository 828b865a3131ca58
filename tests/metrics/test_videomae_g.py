"""VideoMAE: counts of the published size, and numbers of a small one of the same class against definitions."""

import math
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import nn

from vidgauge.errors import UsageError
from vidgauge.metrics.networks import InputSpec, build_network
from vidgauge.metrics.networks.videomae_g import VideoMAE, sines_and_cosines

SMALL: dict[str, Any] = {
    "frames": 8,
    "size": 28,
    "patch": 14,
    "width": 44,
    "depth": 2,
    "heads": 4,
    "hidden": 192,
    "classes": 5,
}


@pytest.fixture
def on_meta() -> VideoMAE:
    with torch.device("meta"):
        return VideoMAE()


@pytest.fixture
def network() -> VideoMAE:
    """A small one, none of whose tensors has a default that would hide a mistake."""
    small = cast("VideoMAE", build_network("videomae-g", seed=1, **SMALL))
    generator = torch.Generator().manual_seed(2)
    for tensor in small.state_dict().values():
        tensor.add_(0.3 * torch.randn(tensor.shape, generator=generator))
    return small


def clips(frames: int, batch: int = 2) -> torch.Tensor:
    return torch.rand(batch, 3, frames, 28, 28, generator=torch.Generator().manual_seed(0))


def test_size(on_meta: VideoMAE) -> None:
    assert 1408 * 48 // 11 == on_meta.get_submodule("blocks.0.mlp.fc1").out_features == 6144
    assert sum(one.numel() for one in on_meta.parameters()) == 1_011_855_918
    assert sum(one.numel() for one in on_meta.parameters()) - 1409 * 174 == 1_011_610_752
    assert not list(on_meta.buffers())
    assert on_meta.input == InputSpec(frames=16, height=224, width=224)


@pytest.mark.parametrize(("frames", "tokens"), [(16, 2048), (32, 4096)])
def test_shapes(on_meta: VideoMAE, frames: int, tokens: int) -> None:
    clip = torch.empty(1, 3, frames, 224, 224, device="meta")
    assert on_meta.get_submodule("patch_embed.proj")(clip).flatten(2).shape == (1, 1408, tokens)
    found = on_meta.extract(clip)
    assert {name: tuple(one.shape) for name, one in found.items()} == {"features_nd": (1, 1408), "logits_nd": (1, 174)}


@pytest.mark.parametrize("shape", [(3, 15, 224, 224), (3, 16, 112, 112), (1, 16, 224, 224), (3, 0, 224, 224)])
def test_other_clips_are_refused(on_meta: VideoMAE, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="an even number of frames and 224x224"):
        on_meta.extract(torch.empty(1, *shape, device="meta"))


def test_the_table_of_positions() -> None:
    table = sines_and_cosines(7, 10)
    for place in range(7):
        for pair in range(5):
            angle = place / 10000 ** (2 * pair / 10)
            assert float(table[place, 2 * pair]) == pytest.approx(math.sin(angle), abs=1e-12)
            assert float(table[place, 2 * pair + 1]) == pytest.approx(math.cos(angle), abs=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 4, 5, 16])
def test_positions_of_other_lengths(network: VideoMAE, steps: int) -> None:
    """Straight lines between the centres of the steps they were laid out for; only time is stretched."""
    laid_out = sines_and_cosines(4 * 2 * 2, 44).reshape(4, 2 * 2 * 44)
    scale = 1 if steps == 4 else (steps + 0.1) / 4
    expected = []
    for step in range(steps):
        place = min(max((step + 0.5) / scale - 0.5, 0), 3)
        before = math.floor(place)
        share = place - before
        expected.append((1 - share) * laid_out[before] + share * laid_out[min(before + 1, 3)])
    found = network.positions(steps)
    torch.testing.assert_close(found, torch.stack(expected).reshape(-1, 44), rtol=0, atol=1e-12)


def reference(network: VideoMAE, video_bcthw: torch.Tensor) -> torch.Tensor:
    """The features by torch's own attention, token by token where the order of tokens matters."""
    weights = network.state_dict()
    rows = []
    for t in range(0, video_bcthw.shape[2], 2):
        for y in (0, 14):
            for x in (0, 14):
                patch = video_bcthw[:, :, t : t + 2, y : y + 14, x : x + 14].flatten(1)
                rows.append(patch @ weights["patch_embed.proj.weight"].flatten(1).T + weights["patch_embed.proj.bias"])
    tokens = torch.stack(rows, dim=1)
    tokens = tokens + sines_and_cosines(tokens.shape[1], 44).to(tokens)
    for i in range(2):
        own = {name.removeprefix(f"blocks.{i}."): one for name, one in weights.items()}
        attention = nn.MultiheadAttention(44, 4, batch_first=True, dtype=tokens.dtype)
        bias = torch.cat([own["attn.q_bias"], torch.zeros(44, dtype=tokens.dtype), own["attn.v_bias"]])
        attention.load_state_dict(
            {
                "in_proj_weight": own["attn.qkv.weight"],
                "in_proj_bias": bias,
                "out_proj.weight": own["attn.proj.weight"],
                "out_proj.bias": own["attn.proj.bias"],
            }
        )
        normed = nn.functional.layer_norm(tokens, (44,), own["norm1.weight"], own["norm1.bias"], 1e-6)
        tokens = tokens + attention(normed, normed, normed, need_weights=False)[0]
        normed = nn.functional.layer_norm(tokens, (44,), own["norm2.weight"], own["norm2.bias"], 1e-6)
        hidden = normed @ own["mlp.fc1.weight"].T + own["mlp.fc1.bias"]
        hidden = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
        tokens = tokens + hidden @ own["mlp.fc2.weight"].T + own["mlp.fc2.bias"]
    return nn.functional.layer_norm(tokens.mean(dim=1), (44,), weights["fc_norm.weight"], weights["fc_norm.bias"], 1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_it_computes(network: VideoMAE, dtype: torch.dtype) -> None:
    video = clips(8).to(dtype)
    with torch.inference_mode():
        found, again = network.to(dtype).extract(video), network.extract(video)
        features = reference(network, video)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(found["features_nd"], features, rtol=tolerance, atol=tolerance)
    logits = features @ network.head.weight.T + network.head.bias
    torch.testing.assert_close(found["logits_nd"], logits, rtol=tolerance, atol=tolerance)
    assert all(torch.equal(found[name], again[name]) for name in found)


def test_order_in_time_matters_and_other_lengths_run(network: VideoMAE) -> None:
    video = clips(8)
    with torch.inference_mode():
        forwards, backwards = (network.extract(one)["features_nd"] for one in (video, video.flip(2)))
        assert not torch.allclose(forwards, backwards, rtol=1e-3)
        for frames in (2, 6, 12):
            assert torch.isfinite(network.extract(clips(frames))["features_nd"]).all()


@pytest.mark.parametrize("wrapped", ["module", "model", ""])
def test_published_checkpoints(network: VideoMAE, wrapped: str, tmp_path: Path) -> None:
    tensors = network.state_dict()
    assert {"blocks.0.attn.qkv.weight", "blocks.1.attn.v_bias", "blocks.0.mlp.fc2.bias", "head.bias"} <= tensors.keys()
    torch.save({wrapped: tensors, "epoch": 1} if wrapped else tensors, tmp_path / "finetuned.pth")
    again = build_network("videomae-g", weights=tmp_path / "finetuned.pth", seed=3, **SMALL)
    assert all(torch.equal(one, tensors[name]) for name, one in again.state_dict().items())


def test_other_files_are_refused(tmp_path: Path) -> None:
    torch.save({"model": {"encoder.norm.weight": torch.zeros(1)}}, tmp_path / "pretrained.pth")
    with pytest.raises(UsageError, match=r"no fine-tuned VideoMAE .* it holds encoder\.norm\.weight"):
        build_network("videomae-g", weights=tmp_path / "pretrained.pth", **SMALL)
