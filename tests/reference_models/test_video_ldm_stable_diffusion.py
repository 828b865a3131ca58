"""Published image models in the folders of diffusers: the names, and the function that the weights are made for.

The library is not needed: the U-Net is written down here once more, as functions of a dictionary with its names.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from vidgauge.errors import UsageError
from vidgauge.reference_models.systems import build_network
from vidgauge.reference_models.systems.video_ldm import LatentUNet, Upscaler, VideoLdm
from vidgauge.reference_models.video_ldm.given import Call
from vidgauge.reference_models.video_ldm.sizes import Size
from vidgauge.reference_models.video_ldm.stable_diffusion import diffusers_names, load_image_model
from vidgauge.reference_models.video_ldm.weights import image_weights, temporal_weights

SIZE = Size(grid=(1, 8, 8), base=128, multipliers=(1, 1), blocks=1, attention_at=(1,), heads=4, text_channels=12)
UPSCALER = replace(SIZE, attention_at=(1, 2), text_twice_at=(1,))
Weights = dict[str, Tensor]


def written(network: LatentUNet, folder: Path, *, shards: int = 1, kernels: bool = True, **settings: object) -> Weights:
    """Random weights for a network's image model, in a folder as diffusers writes it."""
    generator, weights = torch.Generator().manual_seed(0), {}
    for name, theirs in diffusers_names(network).items():
        shape = list(image_weights(network)[name].shape)
        if len(shape) == 5:
            del shape[2]
        if kernels and name.endswith(("transformer.project_in.weight", "transformer.project_out.weight")):
            shape += [1, 1]
        for each in theirs:
            weights[each] = torch.randn([shape[0] // len(theirs), *shape[1:]], generator=generator) / 10
    size = network.size
    configuration = {
        "block_out_channels": [size.base * multiplier for multiplier in size.multipliers],
        "layers_per_block": size.blocks,
        "cross_attention_dim": size.text_channels,
        "attention_head_dim": size.heads,
        "norm_num_groups": 32,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(configuration | settings))
    names = sorted(weights)
    files = {f"diffusion_pytorch_model-{shard}.safetensors": names[shard::shards] for shard in range(shards)}
    if shards == 1:
        files = {"diffusion_pytorch_model.safetensors": names}
    else:
        places = {name: file for file, inside in files.items() for name in inside}
        (folder / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    for file, inside in files.items():
        save_file({name: weights[name] for name in inside}, folder / file)
    return weights


class Diffusers:
    """The conditional U-Net of diffusers as a function of its weights."""

    def __init__(self, weights: Weights, heads: int, only_cross: tuple[bool, ...]) -> None:
        self.weights, self.heads, self.only_cross = weights, heads, only_cross

    def of(self, name: str) -> tuple[Tensor, Tensor | None]:
        return self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")

    def there(self, name: str) -> bool:
        return any(key.startswith(f"{name}.") for key in self.weights)

    def linear(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self.of(name)
        return functional.linear(x, weight.flatten(1), bias)

    def convolution(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight, bias = self.of(name)
        return functional.conv2d(x, weight, bias, stride, padding=weight.shape[-1] // 2)

    def norm(self, name: str, x: Tensor, eps: float = 1e-5) -> Tensor:
        return functional.group_norm(x, 32, *self.of(name), eps)

    def layer_norm(self, name: str, x: Tensor) -> Tensor:
        return functional.layer_norm(x, x.shape[-1:], *self.of(name))

    def resnet(self, name: str, x: Tensor, embedding: Tensor) -> Tensor:
        hidden = self.convolution(f"{name}.conv1", functional.silu(self.norm(f"{name}.norm1", x)))
        hidden = hidden + self.linear(f"{name}.time_emb_proj", functional.silu(embedding))[:, :, None, None]
        hidden = self.convolution(f"{name}.conv2", functional.silu(self.norm(f"{name}.norm2", hidden)))
        return hidden + (self.convolution(f"{name}.conv_shortcut", x) if self.there(f"{name}.conv_shortcut") else x)

    def attention(self, name: str, x: Tensor, context: Tensor) -> Tensor:
        mapped = (self.linear(f"{name}.to_{each}", x if each == "q" else context) for each in "qkv")
        q, k, v = (each.view(*each.shape[:2], self.heads, -1) for each in mapped)
        scores = torch.einsum("bnhd,bmhd->bhnm", q, k) * q.shape[-1] ** -0.5
        mixed = torch.einsum("bhnm,bmhd->bnhd", scores.softmax(-1), v).flatten(2)
        return self.linear(f"{name}.to_out.0", mixed)

    def transformer(self, name: str, x: Tensor, text: Tensor, *, only_cross: bool) -> Tensor:
        height, width = x.shape[2:]
        block = f"{name}.transformer_blocks.0"
        h = self.linear(f"{name}.proj_in", self.norm(f"{name}.norm", x, 1e-6).flatten(2).transpose(1, 2))
        normed = self.layer_norm(f"{block}.norm1", h)
        h = h + self.attention(f"{block}.attn1", normed, text if only_cross else normed)
        h = h + self.attention(f"{block}.attn2", self.layer_norm(f"{block}.norm2", h), text)
        value, gate = self.linear(f"{block}.ff.net.0.proj", self.layer_norm(f"{block}.norm3", h)).chunk(2, -1)
        h = h + self.linear(f"{block}.ff.net.2", value * functional.gelu(gate))
        return x + self.linear(f"{name}.proj_out", h).transpose(1, 2).reshape(*h.shape[::2], height, width)

    def pair(self, part: str, number: int, x: Tensor, embedding: Tensor, text: Tensor, *, only_cross: bool) -> Tensor:
        x = self.resnet(f"{part}.resnets.{number}", x, embedding)
        if self.there(f"{part}.attentions.{number}"):
            x = self.transformer(f"{part}.attentions.{number}", x, text, only_cross=only_cross)
        return x

    def __call__(self, x: Tensor, step: Tensor, text: Tensor, label: Tensor | None = None) -> Tensor:
        half = self.weights["conv_in.weight"].shape[0] // 2
        angles = step[:, None] * torch.exp(-torch.log(torch.tensor(10_000.0)) * torch.arange(half) / half)
        wave = torch.cat([angles.cos(), angles.sin()], 1)
        told = self.linear("time_embedding.linear_1", wave)
        embedding = self.linear("time_embedding.linear_2", functional.silu(told))
        if label is not None:
            embedding = embedding + self.weights["class_embedding.weight"][label]
        x = self.convolution("conv_in", x)
        skips, levels = [x], len(self.only_cross)
        for level, only_cross in enumerate(self.only_cross):
            part, number = f"down_blocks.{level}", 0
            while self.there(f"{part}.resnets.{number}"):
                x = self.pair(part, number, x, embedding, text, only_cross=only_cross)
                skips.append(x)
                number += 1
            if level < levels - 1:
                x = self.convolution(f"{part}.downsamplers.0.conv", x, 2)
                skips.append(x)
        x = self.pair("mid_block", 0, x, embedding, text, only_cross=False)
        x = self.resnet("mid_block.resnets.1", x, embedding)
        for level, only_cross in enumerate(reversed(self.only_cross)):
            part, number = f"up_blocks.{level}", 0
            while self.there(f"{part}.resnets.{number}"):
                x = self.pair(part, number, torch.cat([x, skips.pop()], 1), embedding, text, only_cross=only_cross)
                number += 1
            if level < levels - 1:
                x = self.convolution(f"{part}.upsamplers.0.conv", functional.interpolate(x, scale_factor=2.0))
        return self.convolution("conv_out", functional.silu(self.norm("conv_norm_out", x)))


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_a_loaded_image_model_computes_what_its_weights_are_made_for(tmp_path: Path) -> None:
    network = VideoLdm(SIZE).eval()
    temporal = {name: x.clone() for name, x in temporal_weights(network).items()}
    weights = written(network, tmp_path / "unet", shards=2)
    load_image_model(network, tmp_path)
    z, step, text = drawn(2, 4, 1, 8, 8), torch.tensor([0, 700]), drawn(2, 5, 12)
    expected = Diffusers(weights, 4, (False, False))(z[:, :, 0], step, text)
    for found in (network(z, step, text), network(z, step, text, Call(temporal=False))):
        torch.testing.assert_close(found[:, :, 0], expected, rtol=1e-3, atol=1e-4)
    assert expected.std() > 0.1
    assert all(torch.equal(x, temporal[name]) for name, x in temporal_weights(network).items())


def test_so_does_a_loaded_upscaler(tmp_path: Path) -> None:
    network = Upscaler(UPSCALER, levels=10).eval()
    weights = written(network, tmp_path, kernels=False, only_cross_attention=[True, False], attention_head_dim=[4, 4])
    load_image_model(network, tmp_path)
    z, step, text, label = drawn(2, 4, 1, 8, 8), torch.tensor([0, 700]), drawn(2, 5, 12), torch.tensor([3, 9])
    small = drawn(2, 3, 1, 8, 8)
    found = network(z, step, text, small, label)
    expected = Diffusers(weights, 4, (True, False))(torch.cat([z, small], 1)[:, :, 0], step, text, label)
    torch.testing.assert_close(found[:, :, 0], expected, rtol=1e-3, atol=1e-4)


def test_another_models_settings_are_refused(tmp_path: Path) -> None:
    network, path = VideoLdm(SIZE, temporal=False), tmp_path / "config.json"
    written(network, tmp_path)
    settings = json.loads(path.read_text())
    for change, message in (
        ({"attention_head_dim": 8}, "8 heads on 128 channels"),
        ({"act_fn": "gelu"}, "act_fn is 'gelu'"),
        ({"only_cross_attention": True}, "only_cross_attention"),
        ({"norm_num_groups": 16}, "norm_num_groups"),
    ):
        path.write_text(json.dumps(settings | change))
        with pytest.raises(UsageError, match=message):
            load_image_model(network, tmp_path)


def test_another_models_weights_are_refused(tmp_path: Path) -> None:
    network = VideoLdm(SIZE, temporal=False)
    before = {name: x.clone() for name, x in network.state_dict().items()}
    with pytest.raises(UsageError, match=r"config\.json"):
        load_image_model(network, tmp_path)
    weights, path = written(network, tmp_path), tmp_path / "diffusion_pytorch_model.safetensors"
    for change, message in (
        ({"conv_in.bias": None}, "1 weights missing, 0 too many; conv_in.bias"),
        ({"more": torch.zeros(1)}, "0 weights missing, 1 too many; more"),
        ({"conv_out.bias": torch.zeros(5)}, "conv_out.bias is of shape"),
        ({"mid_block.attentions.0.transformer_blocks.0.attn1.to_k.weight": torch.zeros(127, 128)}, "attn1.to_q"),
    ):
        changed = {name: x for name, x in (weights | change).items() if x is not None}
        save_file(changed, path)
        with pytest.raises(UsageError, match=message):
            load_image_model(network, tmp_path)
    path.write_bytes(b"nothing")
    with pytest.raises(UsageError, match="no readable"):
        load_image_model(network, tmp_path)
    assert all(torch.equal(x, before[name]) for name, x in network.state_dict().items())


@pytest.mark.parametrize(("name", "context", "tensors"), [("sd1.4", 768, 686), ("upscaler", 1024, 687)])
def test_the_published_models_have_these_names(name: str, context: int, tensors: int) -> None:
    network = build_network(f"video-ldm/{name}", device="meta")
    assert isinstance(network, LatentUNet)
    weights, names = image_weights(network), diffusers_names(network)
    assert len({theirs for several in names.values() for theirs in several}) == tensors
    shapes = {several[-1]: (len(several), tuple(weights[own].shape)) for own, several in names.items()}
    level, width = ("1", 512) if name == "upscaler" else ("1", 640)
    block = f"down_blocks.{level}.attentions.0.transformer_blocks.0"
    assert shapes[f"{block}.attn2.to_v.weight"] == (2, (2 * width, context))
    assert shapes[f"{block}.ff.net.0.proj.weight"] == (1, (8 * width, width))
    assert ("down_blocks.0.attentions.0.proj_in.weight" in shapes) == (name != "upscaler")
    assert shapes["up_blocks.2.upsamplers.0.conv.weight"][0] == 1
    assert "up_blocks.3.upsamplers.0.conv.weight" not in shapes
    assert "down_blocks.3.downsamplers.0.conv.weight" not in shapes
    assert ("class_embedding.weight" in shapes) == (name == "upscaler")
