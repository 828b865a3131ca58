"""From a card to tensors, and from tensors to a network."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vidgauge.errors import VidgaugeError
from vidgauge.weights.card import WeightsCard
from vidgauge.weights.fetching import fetch
from vidgauge.weights.finding import Found, find, look
from vidgauge.weights.reading import read_tensors

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


def locate(card: WeightsCard, shipped: Path | None = None) -> Path:
    """Find what a card's tensors are read from, fetching its file if need be.

    Args:
        card: what to find.
        shipped: the folder in the package where the card itself lies.

    Raises:
        VidgaugeError: if the file is nowhere (the message says what to put where) or is not the file of the card.
    """
    return find(card, shipped) or fetch(card)


def load_tensors(card: WeightsCard, shipped: Path | None = None) -> dict[str, "Tensor"]:
    """The tensors of a card's file by name, on the CPU, or of its conversion, where their names are our network's.

    Only a TorchScript archive whose digest is stated may run code of its own.

    Raises:
        VidgaugeError: as :func:`locate`, or if the file cannot be read as its format says.
    """
    found = look(card, shipped)
    if found is None:
        if card.runs_unknown_code and card.url:
            raise VidgaugeError(f"{unknown_code(card)}: vidgauge weights fetch {card.name} --trust")
        path = fetch(card)
        found = Found(path, card.format, "", converted=False)
    if found.format == "torchscript" and card.runs_unknown_code:
        raise VidgaugeError(f"{unknown_code(card)}: vidgauge weights add {found.path} --as {card.name} --trust")
    tensors = read_tensors(found.path, found.format)
    return {name: tensor for name, tensor in tensors.items() if name not in card.not_weights}


def unknown_code(card: WeightsCard) -> str:
    """Why such a file is not opened unasked; what to do comes after a colon."""
    return (
        f"weights {card.name!r}: {card.file} is a TorchScript archive, which runs code of its own when it is opened, "
        f"and no digest of it is stated; if you trust where it comes from"
    )


def load_into(module: "Module", tensors: Mapping[str, "Tensor"], source: str) -> None:
    """Copy tensors into a module whose names and shapes they must match one for one.

    Raises:
        VidgaugeError: naming the first few tensors that are missing, unknown or of another shape.
    """
    problem = misfit(module, tensors)
    if problem:
        raise VidgaugeError(f"{source} does not fit {type(module).__name__}: it {problem}")
    module.load_state_dict(dict(tensors))


def misfit(module: "Module", tensors: Mapping[str, "Tensor"]) -> str:
    """What keeps tensors from being a module's, naming the first few; empty where they are. Either may be on meta."""
    own = module.state_dict()
    lacking = sorted(own.keys() - tensors.keys())
    unknown = sorted(tensors.keys() - own.keys())
    misshapen = sorted(name for name in own.keys() & tensors.keys() if own[name].shape != tensors[name].shape)
    for problem, names in (("lacks", lacking), ("has the unknown", unknown), ("has another shape for", misshapen)):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            return f"{problem} {', '.join(names[:3])}{more}"
    return ""
