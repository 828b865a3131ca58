"""Weights of Stable Diffusion's autoencoder from a folder as the library diffusers writes it (``AutoencoderKL``)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, Field, ValidationError
from torch import Tensor, nn

from vidgauge.errors import UsageError
from vidgauge.reference_models.autoencoders.image import Down, ImageAutoencoder, ImageDecoder, ImageEncoder, Up
from vidgauge.reference_models.autoencoders.residual import ResidualBlock
from vidgauge.reference_models.autoencoders.sizes import ImageSize
from vidgauge.reference_models.unet.attending import Attending
from vidgauge.weights.reading import read_tensors

NAMES = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
Names = dict[str, tuple[str, ...]]
"""Our name of a tensor, and theirs; where there are several, ours is theirs one after the other."""

_RESIDUAL = {
    "norm_in.norm": "norm1",
    "convolution_in.convolution": "conv1",
    "norm_out.norm": "norm2",
    "convolution_out.convolution": "conv2",
    "skip.convolution": "conv_shortcut",
}
_OLD_NAMES = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""Of attention's linear maps in older folders, Stable Diffusion 1's among them."""


class _Config(BaseModel):
    """What ``config.json`` must say; keys that make no difference to the network are left out."""

    kind: Literal["AutoencoderKL"] = Field(alias="_class_name")
    in_channels: Literal[3] = 3
    out_channels: Literal[3] = 3
    down_block_types: list[Literal["DownEncoderBlock2D"]]
    up_block_types: list[Literal["UpDecoderBlock2D"]]
    block_out_channels: list[int]
    layers_per_block: int = 1
    act_fn: Literal["silu"] = "silu"
    latent_channels: int = 4
    norm_num_groups: int = 32
    sample_size: int = 32
    scaling_factor: float = 0.18215
    shift_factor: None = None
    latents_mean: None = None
    latents_std: None = None
    use_quant_conv: Literal[True] = True
    use_post_quant_conv: Literal[True] = True
    mid_block_add_attention: Literal[True] = True

    def size(self) -> ImageSize:
        """As ours."""
        base = self.block_out_channels[0]
        return ImageSize(
            grid=(1, self.sample_size, self.sample_size),
            base=base,
            multipliers=tuple(width // base for width in self.block_out_channels),
            blocks=self.layers_per_block,
            latent_channels=self.latent_channels,
            groups=self.norm_num_groups,
            scale=self.scaling_factor,
        )


def load_image_autoencoder(folder: str | Path) -> ImageAutoencoder:
    """Make the autoencoder of a folder that is on this machine, in float32 and evaluation mode; nothing is downloaded.

    Args:
        folder: with ``config.json`` and the weights: safetensors, or a file of torch, of which tensors alone are read.

    Raises:
        UsageError: where files are missing, the configuration is one that we do not have, or a tensor is missing, too
            many or of another shape.
    """
    folder = Path(folder)
    with torch.random.fork_rng(devices=[]):  # what it begins with is overwritten
        autoencoder = ImageAutoencoder(_read_config(folder / "config.json"))
    given, path = _read_weights(folder)
    autoencoder.load_state_dict(autoencoder.state_dict() | _renamed(given, autoencoder, path))
    return autoencoder.eval().requires_grad_(False)


def diffusers_names(autoencoder: ImageAutoencoder) -> Names:
    """The name map: every parameter of ours, and what diffusers calls it."""
    modules = dict(_modules(autoencoder))
    names: Names = {}
    for name, _ in autoencoder.named_parameters():
        module, _, kind = name.rpartition(".")
        names[name] = tuple(f"{theirs}.{kind}" for theirs in modules[module])
    return names


def _modules(autoencoder: ImageAutoencoder) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "moments.convolution", ("quant_conv",)
    yield "unfolding.convolution", ("post_quant_conv",)
    for name, half in (("encoder", autoencoder.encoder), ("decoder", autoencoder.decoder)):
        yield f"{name}.stem.convolution", (f"{name}.conv_in",)
        yield f"{name}.norm.norm", (f"{name}.conv_norm_out",)
        yield f"{name}.head.convolution", (f"{name}.conv_out",)
        for ours, theirs in _parts(half):
            yield f"{name}.parts.{ours}", tuple(f"{name}.{each}" for each in theirs)


def _parts(half: ImageEncoder | ImageDecoder) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Parts have one number each, in their order; diffusers counts levels, and the blocks in each."""
    attention = next(place for place, part in enumerate(half.parts) if isinstance(part, Attending))
    levels, level, block = "down_blocks" if isinstance(half, ImageEncoder) else "up_blocks", 0, 0
    for place, part in enumerate(half.parts):
        if isinstance(part, Down | Up):
            name = "downsamplers.0.conv" if isinstance(part, Down) else "upsamplers.0.conv"
            inner = "convolution" if isinstance(part, Down) else "convolution.convolution"
            yield f"{place}.{inner}", (f"{levels}.{level}.{name}",)
            level, block = level + 1, 0
        elif abs(place - attention) <= 1:
            yield from _middle(place, part, f"mid_block.resnets.{int(place > attention)}")
        else:
            yield from _residual(place, f"{levels}.{level}.resnets.{block}")
            block += 1


def _middle(place: int, part: nn.Module, block: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    if isinstance(part, ResidualBlock):
        yield from _residual(place, block)
        return
    theirs = "mid_block.attentions.0"
    yield f"{place}.norm.norm", (f"{theirs}.group_norm",)
    yield f"{place}.attention.project_in", tuple(f"{theirs}.to_{which}" for which in "qkv")
    yield f"{place}.attention.project_out", (f"{theirs}.to_out.0",)


def _residual(place: int, block: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for ours, theirs in _RESIDUAL.items():
        yield f"{place}.{ours}", (f"{block}.{theirs}",)


def _renamed(given: Mapping[str, Tensor], autoencoder: ImageAutoencoder, path: Path) -> dict[str, Tensor]:
    """Their tensors under our names, each checked."""
    names, left = diffusers_names(autoencoder), dict(given)
    state: dict[str, Tensor] = {}
    for name, own in autoencoder.named_parameters():
        missing = [each for each in names[name] if each not in left]
        if missing:
            raise UsageError(f"{path}: has no {missing[0]}; these are not the weights of its config.json")
        joined = torch.cat([left.pop(each) for each in names[name]]).float()
        if joined.shape != own.shape:
            shapes = f"{tuple(joined.shape)}, not {tuple(own.shape)}"
            raise UsageError(f"{path}: {' + '.join(names[name])} has shape {shapes} as its config.json says")
        state[name] = joined
    if left:
        raise UsageError(f"{path}: has {min(left)}, for which an AutoencoderKL of its config.json has no place")
    return state


def _read_config(path: Path) -> ImageSize:
    try:
        config = _Config.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); give the folder of an AutoencoderKL") from None
    except ValidationError as error:
        first = error.errors()[0]
        what = ".".join(map(str, first["loc"])) or "it"
        raise UsageError(f"{path}: {what}: {first['msg']}; this is not the layout of Stable Diffusion") from None
    widths = config.block_out_channels
    if not widths or any(width % widths[0] or width % config.norm_num_groups for width in widths):
        raise UsageError(f"{path}: block_out_channels {widths} must be multiples of the first and of norm_num_groups")
    return config.size()


def _read_weights(folder: Path) -> tuple[dict[str, Tensor], Path]:
    path = next((folder / name for name in NAMES if (folder / name).is_file()), None)
    if path is None:
        raise UsageError(f"{folder}: has no weights; one of {', '.join(NAMES)} must be there")
    return {_new_name(name): tensor for name, tensor in read_tensors(path).items()}, path


def _new_name(name: str) -> str:
    module, _, kind = name.rpartition(".")
    above, _, last = module.rpartition(".")
    return f"{above}.{_OLD_NAMES[last]}.{kind}" if last in _OLD_NAMES else name
