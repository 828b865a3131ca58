"""DiT's weights in GenTron, against a DiT written down here, with random weights in the layout of its code."""

import math
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from vidgauge.errors import UsageError
from vidgauge.reference_models.gentron.dit import load_dit
from vidgauge.reference_models.gentron.hyperparameters import Hyperparameters
from vidgauge.reference_models.systems.gentron import GenTron

C, PATCH, WIDTH, LAYERS, HEADS, SIDE = 2, 2, 16, 3, 4, 3
MODEL = Hyperparameters(
    grid=(2, PATCH * SIDE, PATCH * SIDE), channels=C, patch=PATCH, layers=LAYERS, width=WIDTH, heads=HEADS,
    text_channels=(6, 10), pooled_channels=5,
)  # fmt: skip
Tensors = dict[str, torch.Tensor]


def angles(places: torch.Tensor, channels: int) -> torch.Tensor:
    frequencies = [10_000.0 ** (-2 * i / channels) for i in range(channels // 2)]
    return places.flatten()[:, None] * torch.tensor(frequencies)


def sines(places: torch.Tensor, channels: int) -> torch.Tensor:
    return torch.cat([angles(places, channels).sin(), angles(places, channels).cos()], 1)


def weights(seed: int = 0) -> Tensors:
    """Random, with the names and shapes of a DiT with three classes and learned sigma."""
    shapes: dict[str, tuple[int, ...]] = {
        "x_embedder.proj": (WIDTH, C, PATCH, PATCH),
        "t_embedder.mlp.0": (WIDTH, 256),
        "t_embedder.mlp.2": (WIDTH, WIDTH),
        "final_layer.linear": (PATCH * PATCH * 2 * C, WIDTH),
        "final_layer.adaLN_modulation.1": (2 * WIDTH, WIDTH),
    }
    for number in range(LAYERS):
        block = f"blocks.{number}"
        shapes |= {f"{block}.attn.qkv": (3 * WIDTH, WIDTH), f"{block}.attn.proj": (WIDTH, WIDTH)}
        shapes |= {f"{block}.mlp.fc1": (4 * WIDTH, WIDTH), f"{block}.mlp.fc2": (WIDTH, 4 * WIDTH)}
        shapes[f"{block}.adaLN_modulation.1"] = (6 * WIDTH, WIDTH)
    generator = torch.Generator().manual_seed(seed)
    tensors = {f"{name}.weight": 0.2 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    tensors |= {f"{name}.bias": 0.2 * torch.randn(shape[0], generator=generator) for name, shape in shapes.items()}
    tensors["y_embedder.embedding_table.weight"] = torch.randn(4, WIDTH, generator=generator)
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    tensors["pos_embed"] = torch.cat([sines(columns, WIDTH // 2), sines(rows, WIDTH // 2)], 1)[None]
    return tensors


def dit(tensors: Tensors, image: torch.Tensor, step: float) -> torch.Tensor:
    """One image (C, H, W) through a DiT without a class."""

    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"])

    def modulated(x: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(x, (WIDTH,), eps=1e-6) * (1 + scale) + shift

    convolved = functional.conv2d(image, tensors["x_embedder.proj.weight"], tensors["x_embedder.proj.bias"], PATCH)
    x = convolved.flatten(1).T + tensors["pos_embed"][0]
    turns = step * torch.tensor([10_000.0 ** (-i / 128) for i in range(128)])
    told = linear("t_embedder.mlp.0", torch.cat([turns.cos(), turns.sin()]))
    told = linear("t_embedder.mlp.2", functional.silu(told)) + tensors["y_embedder.embedding_table.weight"][-1]
    told = functional.silu(told)
    for number in range(LAYERS):
        block = f"blocks.{number}"
        shift, scale, gate, *of_mlp = linear(f"{block}.adaLN_modulation.1", told).chunk(6)
        query, key, value = linear(f"{block}.attn.qkv", modulated(x, shift, scale)).view(-1, 3, HEADS, 4).unbind(1)
        seen = torch.einsum("qhd,khd->hqk", query, key / math.sqrt(WIDTH // HEADS)).softmax(-1)
        mixed = torch.einsum("hqk,khd->qhd", seen, value).flatten(1)
        x = x + gate * linear(f"{block}.attn.proj", mixed)
        hidden = functional.gelu(linear(f"{block}.mlp.fc1", modulated(x, *of_mlp[:2])), approximate="tanh")
        x = x + of_mlp[2] * linear(f"{block}.mlp.fc2", hidden)
    shift, scale = linear("final_layer.adaLN_modulation.1", told).chunk(2)
    patches = linear("final_layer.linear", modulated(x, shift, scale)).view(SIDE, SIDE, PATCH, PATCH, 2 * C)
    return torch.einsum("hwpqc->chpwq", patches).reshape(2 * C, SIDE * PATCH, SIDE * PATCH)


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_it_gives_what_a_dit_gives(tmp_path: Path, ending: str) -> None:
    from safetensors.torch import save_file

    path = tmp_path / f"dit.{ending}"
    if ending == "pt":
        torch.save(weights(), path)
    else:
        save_file(weights(), path)
    network = GenTron(MODEL)
    load_dit(network, path)
    z = torch.randn(1, C, *MODEL.grid, generator=torch.Generator().manual_seed(1))
    found = network(z, torch.tensor([321.0]), torch.zeros(1, 0, 6), torch.zeros(1, 0, 10), torch.zeros(1, 5))
    for frame in range(2):
        torch.testing.assert_close(found[0, :, frame], dit(weights(), z[0, :, frame], 321.0), rtol=1e-4, atol=1e-4)


def test_what_is_no_dit_of_that_size_is_refused(tmp_path: Path) -> None:
    network, path = GenTron(MODEL), tmp_path / "dit.pt"
    before = {name: x.clone() for name, x in network.state_dict().items()}
    name = "blocks.1.attn.qkv.weight"
    for change, reason in (
        ({name: None}, f"has no {name}"),
        ({name: torch.zeros(5, WIDTH)}, r"shape \(5, 16\), not \(48, 16\)"),
        ({"final_layer.linear.bias": torch.zeros(15)}, r"shape \(15,\), not \(16,\)"),
        ({"blocks.3.attn.qkv.weight": torch.zeros(48, 16)}, "has blocks.3.attn.qkv.weight"),
        ({"pos_embed": torch.zeros(1, SIDE**2, WIDTH)}, "pos_embed is not DiT's"),
    ):
        changed = {key: x for key, x in (weights() | change).items() if x is not None}
        torch.save(changed, path)
        with pytest.raises(UsageError, match=reason):
            load_dit(network, path)
    assert all(torch.equal(before[key], x) for key, x in network.state_dict().items())
