"""Two sets of weights in one network: the image model's, theta, and those that align its latents in time, phi.

Theta is frozen while phi, mixing factors included, is trained; and phi goes with any other theta of the same shape, as
with a Stable Diffusion that DreamBooth has taught one thing more (section 4.2).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vidgauge.errors import UsageError


def is_temporal(name: str) -> bool:
    """Whether a weight is one of phi's: whatever was inserted is a submodule ``time``."""
    return "time" in name.split(".")


def image_weights(network: nn.Module) -> dict[str, Tensor]:
    """Theta, under the names that a network without temporal layers has for it; not copied."""
    return {name: tensor for name, tensor in network.state_dict().items() if not is_temporal(name)}


def temporal_weights(network: nn.Module) -> dict[str, Tensor]:
    """Phi, not copied."""
    return {name: tensor for name, tensor in network.state_dict().items() if is_temporal(name)}


def temporal_modules(network: nn.Module) -> list[str]:
    """The modules that hold phi, none inside another."""
    return [
        name for name, _ in network.named_modules() if is_temporal(name) and not is_temporal(name.rpartition(".")[0])
    ]


def image_modules(network: nn.Module) -> list[str]:
    """The largest modules that hold theta and nothing else."""
    mixed = {above for name in temporal_modules(network) for above in _above(name)}
    return [name for name, _ in network.named_modules()
            if name not in mixed and not is_temporal(name) and name.rpartition(".")[0] in mixed]  # fmt: skip


def _above(name: str) -> list[str]:
    """The modules that one is in, the network itself among them."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(len(parts))]


def freeze_image_model(network: nn.Module) -> None:
    """Equation 2: gradients for phi alone."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(is_temporal(name))


def take_image_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy a theta into a network and leave its phi.

    Raises:
        UsageError: where it is not the theta of such a network.
    """
    _take(image_weights(network), weights, "the image model")


def take_temporal_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy a phi into a network and leave its theta: a video model in the style of another image model.

    Raises:
        UsageError: where it is not the phi of such a network.
    """
    _take(temporal_weights(network), weights, "the temporal layers")


@torch.no_grad()
def _take(own: Mapping[str, Tensor], given: Mapping[str, Tensor], whose: str) -> None:
    missing, spare = sorted(own.keys() - given.keys()), sorted(given.keys() - own.keys())
    if missing or spare:
        raise UsageError(f"not the weights of {whose}: {len(missing)} missing and {len(spare)} too many, "
                         f"such as {(missing + spare)[0]}")  # fmt: skip
    for name, tensor in own.items():
        if tensor.shape != given[name].shape:
            raise UsageError(f"{name} is of shape {tuple(given[name].shape)}, not {tuple(tensor.shape)}")
    for name, tensor in own.items():
        tensor.copy_(given[name])
