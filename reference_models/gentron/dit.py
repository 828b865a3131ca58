"""Weights of DiT (Peebles and Xie, arXiv 2212.09748) for GenTron's trunk, from a file in the layout of DiT's code."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from vidgauge.errors import UsageError
from vidgauge.reference_models.gentron.places import places_in_frame
from vidgauge.reference_models.systems.gentron import GenTron
from vidgauge.weights.reading import read_tensors

_BLOCK = {
    "modulation": "adaLN_modulation.1",
    "space.project_in": "attn.qkv",
    "space.project_out": "attn.proj",
    "mlp.0": "mlp.fc1",
    "mlp.2": "mlp.fc2",
}
_LABELS, _POSITIONS = "y_embedder.embedding_table.weight", "pos_embed"


def load_dit(network: GenTron, path: str | Path) -> None:
    """Put a DiT's weights into a GenTron of its depth, width, patch and channels; what DiT does not have stays.

    DiT is told a class where GenTron is told a caption. The class that stands for none goes into the bias of the step's
    embedding: a new GenTron with the null text then gives what the DiT gives without a class.

    Args:
        network: of images or of videos.
        path: a file on this machine, such as ``DiT-XL-2-256x256.pt``, of which tensors alone are read.

    Raises:
        UsageError: where a tensor is missing, too many, or of another shape.
        VidgaugeError: where the file cannot be read.
    """
    path = Path(path)
    own, left = network.state_dict(), read_tensors(path)
    state: dict[str, Tensor] = {}
    for ours, theirs in dit_names(network).items():
        if theirs not in left:
            raise UsageError(f"{path}: has no {theirs}; give the weights of a DiT of this depth")
        tensor, wanted = left.pop(theirs).float(), own[ours].shape
        if len(tensor) != wanted[0] or tensor[0].numel() != wanted[1:].numel():
            shapes = f"{tuple(tensor.shape)}, not {tuple(wanted)}"
            raise UsageError(f"{path}: {theirs} has shape {shapes}; give the weights of a DiT of this size")
        if ours.startswith("last.project"):  # its channels come after the places of a patch there, and before them here
            tensor = tensor.reshape(network.model.patch**2, -1, *wanted[1:]).transpose(0, 1)
        state[ours] = tensor.reshape(wanted)
    if _LABELS in left:
        state["embed_step.2.bias"] = state["embed_step.2.bias"] + left.pop(_LABELS)[-1].float()
    if _POSITIONS in left:
        _check_positions(left.pop(_POSITIONS), path)
    if left:
        raise UsageError(f"{path}: has {min(left)}, for which a DiT of this size has no place")
    network.load_state_dict(state, strict=False)


def dit_names(network: GenTron) -> dict[str, str]:
    """The name map: what a GenTron and a DiT have in common, under our name and under theirs."""
    modules = _modules(network.model.layers)
    return {f"{ours}.{kind}": f"{theirs}.{kind}" for ours, theirs in modules for kind in ("weight", "bias")}


def _modules(blocks: int) -> Iterator[tuple[str, str]]:
    yield "patchify", "x_embedder.proj"
    yield "embed_step.0", "t_embedder.mlp.0"
    yield "embed_step.2", "t_embedder.mlp.2"
    for number in range(blocks):
        for ours, theirs in _BLOCK.items():
            yield f"blocks.{number}.{ours}", f"blocks.{number}.{theirs}"
    yield "last.modulation", "final_layer.adaLN_modulation.1"
    yield "last.project", "final_layer.linear"


def _check_positions(theirs: Tensor, path: Path) -> None:
    """They are no weights, but sines and cosines, which we have."""
    side = round(theirs.shape[1] ** 0.5)
    own = places_in_frame(side, side, theirs.shape[2], theirs.device).flatten(0, 1)
    if theirs.shape[1] != side**2 or not torch.allclose(theirs[0].double(), own, rtol=0, atol=1e-4):
        raise UsageError(f"{path}: its pos_embed is not DiT's; give the weights of a DiT")
