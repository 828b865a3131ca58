"""The networks that judge: one module each, entered in `NETWORKS` under the name that protocols use.

An entry is a class (or function) that, called without arguments, makes an ``nn.Module`` with an attribute ``input``, an
`InputSpec`. What it computes is said by its module: features and logits of videos, or embeddings of frames and texts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from vidgauge.errors import UsageError, near_misses
from vidgauge.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class InputSpec:
    """What a network wants to see."""

    frames: int | None
    """Length of a clip, or None for a network that looks at single frames."""
    height: int
    width: int


class VideoNetwork(Protocol):
    """What the scorer needs of a network."""

    input: InputSpec

    def extract(self, video_bcthw: "Tensor") -> "dict[str, Tensor]":
        """The outputs that measures read, by name; the first axis is the clips. Input is float in [0, 1]."""
        ...


@runtime_checkable
class CaptionNetwork(Protocol):
    """What the scorer needs of a network that reads captions too."""

    def embed_captions(self, captions: list[str]) -> "Tensor":
        """Unit embeddings (N, D), in the space of the frames' embeddings."""
        ...

    def unread(self, captions: list[str]) -> str:
        """What of the captions it does not read, as a note; empty where it reads all."""
        ...


@runtime_checkable
class PublishedNetwork(Protocol):
    """What a network needs whose weights others publish, under other names than ours."""

    def from_published(self, tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
        """The tensors of such a file under our names; those that have our names already stay as they are."""
        ...


def with_own_counters(module: "nn.Module", tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """The tensors, and the module's own counts of the batches that its batch norms have seen.

    Those are of no use, and not every published file has kept them.
    """
    counters = {name: own for name, own in module.state_dict().items() if name.endswith("num_batches_tracked")}
    return {name: tensor for name, tensor in tensors.items() if name not in counters} | counters


def probabilities(logits: "Tensor") -> "Tensor":
    """The softmax over the last axis, in at least float32: rounded to bfloat16, probabilities do not sum to 1."""
    import torch

    return logits.softmax(dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))


NETWORKS: "Registry[Callable[..., nn.Module]]" = Registry("network", "vidgauge.metrics.networks")


def build_network(
    name: str,
    weights: str | Path | None = None,
    seed: int = 0,
    **parameters: Any,  # noqa: ANN401 - each network has its own
) -> "nn.Module":
    """Make a network, on the CPU, float32, ready for inference.

    Args:
        name: one of `NETWORKS`.
        weights: ``"embedded"`` for those that ship with the package under the network's own name, the name of another
            card in ``vidgauge.metrics.weights``, or the path of a file: safetensors, npz, or a state dict (.pt, .pth,
            .bin, .ckpt). Without it they are random.
        seed: of the random weights.
        parameters: the network's own choices, such as ``batch_norm_eps``.

    Raises:
        UsageError: for a name, parameters or weights that do not exist.
        VidgaugeError: for weights whose digest, tensor names or shapes are not the expected ones.
    """
    import torch

    from vidgauge.weights import load_into

    with torch.random.fork_rng(devices=[]):  # initialisers know only the global generator: lend it, and put it back
        torch.manual_seed(seed)
        try:
            module = NETWORKS[name](**parameters)
        except TypeError as error:
            raise UsageError(f"network {name!r}: {error}") from error
        if weights is None:
            _keep_signals_alive(module)
    if weights is not None:
        tensors = _tensors(name, weights)
        if isinstance(module, PublishedNetwork):
            tensors = module.from_published(tensors)
        load_into(module, tensors, f"{name} weights {str(weights)!r}")
    return module.eval().requires_grad_(False)


def _keep_signals_alive(module: "nn.Module") -> None:
    """Redraw convolutions at the scale of He et al. (arXiv 1502.01852, equation 10).

    Under torch's own, each ReLU leaves a sixth of the variance: after I3D's layers, clips differ by rounding alone.
    """
    from torch import nn

    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")


def _tensors(name: str, weights: str | Path) -> "dict[str, Tensor]":
    from vidgauge.metrics.weights import CARDS, FOLDER
    from vidgauge.weights import load_tensors, read_tensors

    card = name if weights == "embedded" else str(weights)
    if card in CARDS:
        parts = [CARDS[part] for part in (card, *CARDS[card].also)]
        return {tensor: value for part in parts for tensor, value in load_tensors(part, FOLDER).items()}
    if not Path(weights).is_file():
        raise UsageError(
            f"{str(weights)!r} is neither a file nor the name of weights; {near_misses(card, list(CARDS))}"
        )
    return read_tensors(Path(weights))
