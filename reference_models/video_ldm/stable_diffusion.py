"""Stable Diffusion's U-Net from a folder that the diffusers library wrote, into the image model of a ``LatentUNet``.

Every weight is looked up under its name there, and every setting that shapes cannot show in ``config.json``: nothing is
taken that does not fit, and nothing is left over.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open

from vidgauge.errors import UsageError
from vidgauge.reference_models.unet.norm import norm_groups
from vidgauge.reference_models.video_ldm.weights import image_weights

if TYPE_CHECKING:
    from vidgauge.reference_models.systems.video_ldm import LatentUNet

Names = tuple[str, ...]
"""In diffusers; several are joined along their first axis."""
WEIGHTS = "diffusion_pytorch_model.safetensors"

_RESIDUAL = {
    "residual.norm_in.norm": "norm1",
    "residual.convolution_in.convolution": "conv1",
    "residual.embed": "time_emb_proj",
    "residual.norm_out.norm": "norm2",
    "residual.convolution_out.convolution": "conv2",
    "residual.skip.convolution": "conv_shortcut",
}
_TRANSFORMER: dict[str, Names] = {"norm.norm": ("norm",), "project_in": ("proj_in",), "project_out": ("proj_out",)}
_SPATIAL_BLOCK: dict[str, Names] = {
    "norm_first": ("norm1",),
    "first.project_in": ("attn1.to_q", "attn1.to_k", "attn1.to_v"),
    "first.project_query": ("attn1.to_q",),
    "first.project_context": ("attn1.to_k", "attn1.to_v"),
    "first.project_out": ("attn1.to_out.0",),
    "norm_text": ("norm2",),
    "text.project_query": ("attn2.to_q",),
    "text.project_context": ("attn2.to_k", "attn2.to_v"),
    "text.project_out": ("attn2.to_out.0",),
    "norm_feed": ("norm3",),
    "feed.project_in": ("ff.net.0.proj",),
    "feed.project_out": ("ff.net.2",),
}
_ENDS: dict[str, Names] = {
    "unet.stem.convolution": ("conv_in",),
    "embed.0": ("time_embedding.linear_1",),
    "embed.2": ("time_embedding.linear_2",),
    "embed_level": ("class_embedding",),
    "unet.norm.norm": ("conv_norm_out",),
    "unet.head.convolution": ("conv_out",),
}


def diffusers_names(network: "LatentUNet") -> dict[str, Names]:
    """The map: the names in diffusers of each weight of the image model."""
    modules = _ENDS | dict(_modules(len(network.size.multipliers), network.size.blocks))
    names = {}
    for name in image_weights(network):
        module, _, kind = name.rpartition(".")
        names[name] = tuple(f"{theirs}.{kind}" for theirs in modules[module])
    return names


def _modules(levels: int, blocks: int) -> Iterator[tuple[str, Names]]:
    """Our modules between the ends, and theirs; more than any one network has."""
    for level in range(levels):
        first, theirs = level * (blocks + 1), f"down_blocks.{level}"
        for block in range(blocks):
            yield from _block(f"unet.downward.{first + block}", theirs, block)
        yield f"unet.downward.{first + blocks}.convolution.convolution", (f"{theirs}.downsamplers.0.conv",)
    for block in range(2):
        yield from _block(f"unet.middle.{block}", "mid_block", block)
    for level in range(levels):
        first, theirs = level * (blocks + 2), f"up_blocks.{level}"
        for block in range(blocks + 1):
            yield from _block(f"unet.upward.{first + block}", theirs, block)
        yield f"unet.upward.{first + blocks + 1}.convolution.convolution", (f"{theirs}.upsamplers.0.conv",)


def _block(own: str, theirs: str, number: int) -> Iterator[tuple[str, Names]]:
    for part, name in _RESIDUAL.items():
        yield f"{own}.{part}", (f"{theirs}.resnets.{number}.{name}",)
    attention = f"{theirs}.attentions.{number}"
    for part, names in _TRANSFORMER.items():
        yield f"{own}.transformer.{part}", tuple(f"{attention}.{name}" for name in names)
    for part, names in _SPATIAL_BLOCK.items():
        yield f"{own}.transformer.space.{part}", tuple(f"{attention}.transformer_blocks.0.{name}" for name in names)


@torch.no_grad()
def load_image_model(network: "LatentUNet", folder: Path) -> None:
    """Copy a published image model's weights into a network, at the network's precision; its temporal layers stay.

    Args:
        network: whose image model is of that shape.
        folder: a diffusers model, or its folder ``unet``: ``config.json`` and safetensors, one file or several.

    Raises:
        UsageError: where it is none, or another model's; nothing has been copied then.
    """
    folder = folder / "unet" if (folder / "unet").is_dir() else folder
    _check_configuration(network, _read(folder / "config.json"))
    with ExitStack() as stack:
        try:
            files = [stack.enter_context(safe_open(path, "pt")) for path in _files(folder)]
        except (OSError, SafetensorError) as error:
            raise UsageError(f"{folder}: has no readable {WEIGHTS} ({error})") from error
        where = {name: file for file in files for name in file.keys()}  # noqa: SIM118 - not a dict
        weights, names = image_weights(network), diffusers_names(network)
        _check_names({name for several in names.values() for name in several}, set(where), folder)
        _check_shapes(weights, names, {name: where[name].get_slice(name).get_shape() for name in where}, folder)
        for name, tensor in weights.items():
            given = torch.cat([where[theirs].get_tensor(theirs) for theirs in names[name]])
            tensor.copy_(given.view(tensor.shape))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not the folder of a U-Net that diffusers wrote ({error})") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path}: holds no settings")
    return content


def _files(folder: Path) -> list[Path]:
    index = folder / f"{WEIGHTS}.index.json"
    if not index.exists():
        return [folder / WEIGHTS]
    return [folder / name for name in sorted(set(_read(index)["weight_map"].values()))]


def _check_configuration(network: "LatentUNet", given: dict[str, Any]) -> None:
    """What the shapes do not show: how many heads there are, and what is computed between the weights."""
    size = network.size
    widths = [size.base * multiplier for multiplier in size.multipliers]
    wanted: dict[str, object] = {
        "block_out_channels": widths,
        "cross_attention_dim": size.text_channels,
        "layers_per_block": size.blocks,
        "act_fn": "silu",
        "norm_num_groups": norm_groups(size.base),
        "norm_eps": 1e-5,
        "flip_sin_to_cos": True,
        "freq_shift": 0,
        "center_input_sample": False,
        "downsample_padding": 1,
        "mid_block_scale_factor": 1,
    }
    for name, value in wanted.items():
        if name in given and given[name] != value:
            raise UsageError(f"{name} is {given[name]!r} in that folder, but {value!r} in the network")
    for level, width in enumerate(widths):
        if 2**level not in size.attention_at and level < len(widths) - 1:
            continue
        # What diffusers calls attention_head_dim is, for these models, the number of heads.
        heads, twice = (_at(given.get(name), level) for name in ("attention_head_dim", "only_cross_attention"))
        if heads not in {None, size.heads_of(width)}:
            raise UsageError(
                f"{heads} heads on {width} channels in that folder, but {size.heads_of(width)} in the network"
            )
        if 2**level in size.attention_at and bool(twice) != (2**level in size.text_twice_at):
            raise UsageError(
                f"only_cross_attention is {bool(twice)} on {width} channels in that folder, not in the network"
            )


def _at(setting: Any, level: int) -> Any:  # noqa: ANN401 - whatever the file holds
    """A setting of one resolution: there may be one for each, or one for all."""
    return setting[level] if isinstance(setting, list) else setting


def _check_names(wanted: set[str], given: set[str], folder: Path) -> None:
    missing, spare = sorted(wanted - given), sorted(given - wanted)
    if missing or spare:
        example = f"{missing[0]} is missing" if missing else f"{spare[0]} is not in the network"
        raise UsageError(f"{folder}: {len(missing)} weights missing, {len(spare)} too many; {example}")


def _check_shapes(
    weights: dict[str, torch.Tensor], names: dict[str, Names], shapes: dict[str, Sequence[int]], folder: Path
) -> None:
    """But for axes of 1: kernels of one frame or one place may be there without."""
    for name, tensor in weights.items():
        given = [[extent for extent in shapes[theirs] if extent != 1] for theirs in names[name]]
        rows = sum(shapes[theirs][0] for theirs in names[name])
        wanted = [extent for extent in tensor.shape if extent != 1]
        joined = [rows, *given[0][1:]] if len(given) > 1 else given[0]
        if joined != wanted or any(shape[1:] != given[0][1:] for shape in given):
            theirs = names[name][0]
            raise UsageError(
                f"{folder}: {theirs} is of shape {tuple(shapes[theirs])}; the network needs {tuple(tensor.shape)}"
            )
