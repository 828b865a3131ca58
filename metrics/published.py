"""Published weights and our networks: which card a file is of, and its tensors under our names."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.files import whole_file
from vidgauge.metrics.networks import NETWORKS, PublishedNetwork
from vidgauge.metrics.protocols import PROTOCOLS
from vidgauge.metrics.weights import CARDS
from vidgauge.weights import (
    Conversion,
    WeightsCard,
    cache_folder,
    conversion,
    convert,
    digest,
    examine,
    format_of,
    misfit,
    read_tensors,
    sha256,
    unknown_code,
)
from vidgauge.weights.finding import forget, record

if TYPE_CHECKING:
    from torch import Tensor, nn


class Use(NamedTuple):
    """What a card's tensors are for."""

    network: str
    """Empty where nothing here needs them."""
    parameters: dict[str, Any]
    protocols: list[str]


def use_of(card: WeightsCard) -> Use:
    """The network that a card's tensors are for, and the protocols that need them."""
    wholes = {card.name, *(name for name in CARDS if card.name in CARDS[name].also)}
    protocols = [PROTOCOLS[name] for name in PROTOCOLS if PROTOCOLS[name].weights in wholes]
    if not protocols:
        return Use(card.network, dict(card.network_parameters), [])
    first = protocols[0]
    return Use(first.network, first.network_parameters, [protocol.name for protocol in protocols])


def recognise(path: Path, *, trust: bool) -> WeightsCard:
    """The card of a file: by its digest, else by its name, else by the network that its tensors fit.

    Args:
        path: the file.
        trust: whether a TorchScript archive may be opened to see its tensors.

    Raises:
        VidgaugeError: for a file that is no weights file, or of no card.
        UsageError: if it fits several cards.
    """
    form, found = format_of(path), sha256(path)
    same = [name for name in CARDS if CARDS[name].sha256 == found]
    named = [name for name in CARDS if CARDS[name].file == path.name]
    fitting = [name for name in same if name in named] or same or named
    if not fitting:
        open_cards = [CARDS[name] for name in CARDS if CARDS[name].format == form and not CARDS[name].sha256]
        if form == "torchscript" and not trust:
            raise VidgaugeError(
                f"weights: {path} is known neither by its sha256 ({found}) nor by its name, and to look at its tensors "
                "is to run its code, for it is a TorchScript archive; if you trust it, add it with --trust"
            )
        tensors = read_tensors(path, form) if open_cards else {}
        fitting = [card.name for card in open_cards if _fits(card, tensors)]
    if not fitting:
        raise VidgaugeError(
            f"weights: {path} is known neither by its sha256 ({found}), nor by its name, nor by its tensors; "
            "'vidgauge weights list' says what there is, and --as NAME what it should be taken for"
        )
    if len(fitting) > 1:
        raise UsageError(f"weights: {path} may be {' or '.join(fitting)}; say which, such as --as {fitting[0]}")
    return CARDS[fitting[0]]


def take(card: WeightsCard, path: Path, *, trust: bool) -> Conversion | None:
    """Convert a card's file into the cache, or copy it where there is nothing to convert. The file itself stays.

    Args:
        card: whose file it is.
        path: where it lies.
        trust: whether a TorchScript archive may be opened although no digest is stated.

    Returns:
        The note on the conversion; None where the file was copied.

    Raises:
        VidgaugeError: if it is not the card's file, does not fit its network, or may not be opened.
    """
    found, form, known = examine(card, path), format_of(path), digest(card)
    if known not in ("", found):
        here = conversion(card)
        where = here.path if here else cache_folder() / card.file
        raise VidgaugeError(
            f"weights {card.name!r}: {path} has sha256 {found}, not {known} of the file that is here already; "
            f"remove {where} first if you mean to replace it"
        )
    if form == "torchscript" and not card.sha256 and not trust:
        raise VidgaugeError(f"{unknown_code(card)}: vidgauge weights add {path} --as {card.name} --trust")
    tensors = read_tensors(path, form)
    try:
        ours = in_our_names(card, tensors) if use_of(card).network else {}
    except VidgaugeError as error:
        raise VidgaugeError(f"weights {card.name!r}: {path} is not what it should be: {error}") from error
    if form == "safetensors" or not ours:
        _copy(card, path, found)
        return None
    note = convert(card, ours, path, found, form)
    if path == cache_folder() / card.file:  # a fetched file has done its part
        forget(path)
    return note


def in_our_names(card: WeightsCard, tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """The tensors of a card's file under the names of its network, whose shapes they have.

    Raises:
        VidgaugeError: if they are not that network's, or not all of them.
    """
    name, parameters, _ = use_of(card)
    network = _on_meta(name, parameters)
    own = network.state_dict()
    elsewhere = {tensor for part in card.also for tensor in CARDS[part].holds}
    if card.holds:
        elsewhere = own.keys() - set(card.holds)
    given = {tensor: value for tensor, value in tensors.items() if tensor not in card.not_weights}
    # Tensors on meta stand for what other files hold, so that the network sees all that it looks for.
    found = {tensor: own[tensor] for tensor in elsewhere} | given
    if isinstance(network, PublishedNetwork):
        found = network.from_published(found)
    problem = misfit(network, found)
    if problem:
        raise VidgaugeError(f"as the network {name!r} it {problem}")
    return {tensor: value for tensor, value in found.items() if not value.is_meta}


def _on_meta(name: str, parameters: Mapping[str, Any]) -> "nn.Module":
    import torch

    with torch.device("meta"):
        return NETWORKS[name](**parameters)


def _fits(card: WeightsCard, tensors: "Mapping[str, Tensor]") -> bool:
    if not use_of(card).network:
        return False
    try:
        in_our_names(card, tensors)
    except VidgaugeError:
        return False
    return True


def _copy(card: WeightsCard, path: Path, found: str) -> None:
    target = cache_folder() / card.file
    if path == target:
        return
    with whole_file(target) as partial:
        shutil.copyfile(path, partial)
    if not card.sha256:
        record(target, found)
