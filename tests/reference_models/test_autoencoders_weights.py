"""Weights in the layout of diffusers' AutoencoderKL: random ones, read, beside an autoencoder of our own."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.reference_models.autoencoders.diffusers_folder import diffusers_names, load_image_autoencoder
from vidgauge.reference_models.autoencoders.image import ImageAutoencoder
from vidgauge.reference_models.autoencoders.sizes import STABLE_DIFFUSION

WIDTHS, BLOCKS, LATENTS, GROUPS = (4, 8, 16), 1, 3, 2
CONFIG: dict[str, Any] = {
    "_class_name": "AutoencoderKL",
    "_diffusers_version": "0.2.2",
    "act_fn": "silu",
    "block_out_channels": list(WIDTHS),
    "down_block_types": ["DownEncoderBlock2D"] * 3,
    "up_block_types": ["UpDecoderBlock2D"] * 3,
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": LATENTS,
    "layers_per_block": BLOCKS,
    "norm_num_groups": GROUPS,
    "sample_size": 16,
    "scaling_factor": 0.5,
}
Shapes = Iterator[tuple[str, tuple[int, ...]]]


def convolution(name: str, channels: int, out: int, kernel: int = 3) -> Shapes:
    yield f"{name}.weight", (out, channels, kernel, kernel)
    yield f"{name}.bias", (out,)


def norm(name: str, channels: int) -> Shapes:
    yield f"{name}.weight", (channels,)
    yield f"{name}.bias", (channels,)


def residual(name: str, channels: int, out: int) -> Shapes:
    yield from norm(f"{name}.norm1", channels)
    yield from convolution(f"{name}.conv1", channels, out)
    yield from norm(f"{name}.norm2", out)
    yield from convolution(f"{name}.conv2", out, out)
    if channels != out:
        yield from convolution(f"{name}.conv_shortcut", channels, out, 1)


def middle(name: str, channels: int) -> Shapes:
    yield from residual(f"{name}.resnets.0", channels, channels)
    yield from norm(f"{name}.attentions.0.group_norm", channels)
    for part in ("to_q", "to_k", "to_v", "to_out.0"):
        yield f"{name}.attentions.0.{part}.weight", (channels, channels)
        yield f"{name}.attentions.0.{part}.bias", (channels,)
    yield from residual(f"{name}.resnets.1", channels, channels)


def layout(widths: tuple[int, ...], blocks: int, latents: int) -> Shapes:
    """Names and shapes of an AutoencoderKL."""
    yield from convolution("encoder.conv_in", 3, widths[0])
    for level, (before, width) in enumerate(pairwise((widths[0], *widths))):
        for block in range(blocks):
            yield from residual(f"encoder.down_blocks.{level}.resnets.{block}", width if block else before, width)
        if level < len(widths) - 1:
            yield from convolution(f"encoder.down_blocks.{level}.downsamplers.0.conv", width, width)
    yield from middle("encoder.mid_block", widths[-1])
    yield from norm("encoder.conv_norm_out", widths[-1])
    yield from convolution("encoder.conv_out", widths[-1], 2 * latents)
    yield from convolution("quant_conv", 2 * latents, 2 * latents, 1)
    yield from convolution("post_quant_conv", latents, latents, 1)
    yield from convolution("decoder.conv_in", latents, widths[-1])
    yield from middle("decoder.mid_block", widths[-1])
    for level, (before, width) in enumerate(pairwise((widths[-1], *reversed(widths)))):
        for block in range(blocks + 1):
            yield from residual(f"decoder.up_blocks.{level}.resnets.{block}", width if block else before, width)
        if level < len(widths) - 1:
            yield from convolution(f"decoder.up_blocks.{level}.upsamplers.0.conv", width, width)
    yield from norm("decoder.conv_norm_out", widths[0])
    yield from convolution("decoder.conv_out", widths[0], 3)


class Oracle:
    """An AutoencoderKL on images, straight from the tensors' names."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self.tensors = tensors

    def has(self, name: str) -> bool:
        return f"{name}.weight" in self.tensors

    def convolved(self, name: str, x: Tensor, **how: int) -> Tensor:
        return functional.conv2d(x, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"], **how)

    def normed(self, name: str, x: Tensor) -> Tensor:
        return functional.group_norm(x, GROUPS, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"], 1e-6)

    def residual(self, name: str, x: Tensor) -> Tensor:
        hidden = self.convolved(f"{name}.conv1", functional.silu(self.normed(f"{name}.norm1", x)), padding=1)
        hidden = self.convolved(f"{name}.conv2", functional.silu(self.normed(f"{name}.norm2", hidden)), padding=1)
        return hidden + (self.convolved(f"{name}.conv_shortcut", x) if self.has(f"{name}.conv_shortcut") else x)

    def level(self, name: str, x: Tensor) -> Tensor:
        for block in range(BLOCKS + 1):
            if self.has(f"{name}.resnets.{block}.conv1"):
                x = self.residual(f"{name}.resnets.{block}", x)
        return x

    def middle(self, name: str, x: Tensor) -> Tensor:
        x = self.residual(f"{name}.resnets.0", x)
        attention = f"{name}.attentions.0"
        tokens = self.normed(f"{attention}.group_norm", x).flatten(2).transpose(1, 2)
        query, key, value = (self.mapped(f"{attention}.to_{which}", tokens) for which in "qkv")
        scores = (query @ key.transpose(1, 2) * x.shape[1] ** -0.5).softmax(-1)
        mixed = self.mapped(f"{attention}.to_out.0", scores @ value).transpose(1, 2).reshape(x.shape)
        return self.residual(f"{name}.resnets.1", x + mixed)

    def mapped(self, name: str, x: Tensor) -> Tensor:
        return functional.linear(x, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"])

    def encode(self, x: Tensor) -> Tensor:
        x = self.convolved("encoder.conv_in", x, padding=1)
        for level in range(len(WIDTHS)):
            x = self.level(f"encoder.down_blocks.{level}", x)
            if level < len(WIDTHS) - 1:
                padded = functional.pad(x, (0, 1, 0, 1))
                x = self.convolved(f"encoder.down_blocks.{level}.downsamplers.0.conv", padded, stride=2)
        x = functional.silu(self.normed("encoder.conv_norm_out", self.middle("encoder.mid_block", x)))
        return self.convolved("quant_conv", self.convolved("encoder.conv_out", x, padding=1))

    def decode(self, z: Tensor) -> Tensor:
        x = self.convolved("decoder.conv_in", self.convolved("post_quant_conv", z), padding=1)
        x = self.middle("decoder.mid_block", x)
        for level in range(len(WIDTHS)):
            x = self.level(f"decoder.up_blocks.{level}", x)
            if level < len(WIDTHS) - 1:
                x = x.repeat_interleave(2, -1).repeat_interleave(2, -2)
                x = self.convolved(f"decoder.up_blocks.{level}.upsamplers.0.conv", x, padding=1)
        return self.convolved("decoder.conv_out", functional.silu(self.normed("decoder.conv_norm_out", x)), padding=1)


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    drawn = {name: torch.randn(shape, generator=generator) for name, shape in layout(WIDTHS, BLOCKS, LATENTS)}
    return {name: tensor / max(1, tensor[0].numel()) ** 0.5 for name, tensor in drawn.items()}


def written(folder: Path, tensors: dict[str, Tensor], **config: object) -> Path:
    (folder / "config.json").write_text(json.dumps(CONFIG | config))
    save_file(tensors, folder / "diffusion_pytorch_model.safetensors")
    return folder


def test_it_gives_what_the_weights_say(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    autoencoder, oracle = load_image_autoencoder(written(tmp_path, tensors)), Oracle(tensors)
    video = torch.randn(2, 3, 2, 16, 8, generator=torch.Generator().manual_seed(1))
    posterior = autoencoder.posterior(video)
    found = torch.cat([posterior.mean, posterior.log_variance], 1)
    expected = torch.stack([oracle.encode(video[:, :, frame]) for frame in range(2)], 2)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    latents = autoencoder.encode(video)
    torch.testing.assert_close(latents, 0.5 * posterior.mean)
    expected = torch.stack([oracle.decode(posterior.mean[:, :, frame]) for frame in range(2)], 2)
    torch.testing.assert_close(autoencoder.decode(latents), expected, rtol=1e-4, atol=1e-4)
    assert not any(parameter.requires_grad for parameter in autoencoder.parameters())


def test_older_names_and_torchs_own_format(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    expected = load_image_autoencoder(written(tmp_path, tensors)).state_dict()
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    renamed = dict(tensors)
    for name in tensors:
        for new, before in old.items():
            if f".{new}." in name:
                renamed[name.replace(new, before)] = renamed.pop(name)
    (tmp_path / "diffusion_pytorch_model.safetensors").unlink()
    torch.save(renamed, tmp_path / "diffusion_pytorch_model.bin")
    found = load_image_autoencoder(tmp_path).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_stable_diffusions_own_layout() -> None:
    with torch.device("meta"):
        autoencoder = ImageAutoencoder(STABLE_DIFFUSION)
    names = diffusers_names(autoencoder)
    theirs = [each for several in names.values() for each in several]
    expected = dict(layout((128, 256, 512, 512), 2, 4))
    assert len(expected) == 248  # tensors of a published file
    assert sorted(theirs) == sorted(expected)
    for name, parameter in autoencoder.named_parameters():
        shapes = [expected[each] for each in names[name]]
        assert parameter.shape == (sum(shape[0] for shape in shapes), *shapes[0][1:])


def test_refusals(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    with pytest.raises(UsageError, match=r"config\.json.*give the folder"):
        load_image_autoencoder(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    with pytest.raises(UsageError, match="has no weights"):
        load_image_autoencoder(tmp_path)
    for wrong, what in (
        ({"_class_name": "AutoencoderTiny"}, "_class_name"),
        ({"act_fn": "relu"}, "act_fn"),
        ({"shift_factor": 0.1}, "shift_factor"),
        ({"use_quant_conv": False}, "use_quant_conv"),
        ({"block_out_channels": [4, 6, 8]}, "block_out_channels"),
    ):
        with pytest.raises(UsageError, match=what):
            load_image_autoencoder(written(tmp_path, tensors, **wrong))
    for changed, what in (
        ({name: tensor for name, tensor in tensors.items() if name != "quant_conv.bias"}, "has no quant_conv.bias"),
        (tensors | {"loss.logvar": torch.zeros(1)}, "has loss.logvar, for which"),
        (tensors | {"quant_conv.bias": torch.zeros(7)}, r"quant_conv.bias has shape \(7,\), not \(6,\)"),
    ):
        with pytest.raises(UsageError, match=what):
            load_image_autoencoder(written(tmp_path, changed))
    (tmp_path / "diffusion_pytorch_model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(VidgaugeError, match="cannot be read"):
        load_image_autoencoder(tmp_path)
