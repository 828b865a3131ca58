"""Network weights: where a file lives, how it is verified and loaded, and what to do when it is not at hand.

A card (TOML) describes one file. It is looked for, in this order, in the folder that ``VIDGAUGE_WEIGHTS`` or
``--weights-dir`` names, beside the card inside the package, in the cache, and at its public address.
"""

import hashlib
import os
import pickle
import shutil
import tempfile
import urllib.error
import urllib.request
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from vidgauge.errors import VidgaugeError
from vidgauge.record import Frozen

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_CHUNK = 1 << 20


class Training(Frozen):
    """How weights that ship with the package were made."""

    command: str
    """The command that trains them again."""
    commit: str
    """Commit of the code they were trained with."""
    data_seed: int
    device: str
    torch: str
    seconds: float
    scores: dict[str, float]
    """Held-out results by name, with the number of clips among them."""


class WeightsCard(Frozen):
    """One weights file: its name, digest, licence, and where it comes from."""

    name: str
    file: str
    """File name, without folder."""
    format: Literal["safetensors", "state-dict", "torchscript", "npz"] = "safetensors"
    """How the published file stores its tensors."""
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """Digest of the file; empty where upstream states none, and then the first one seen is kept."""
    bytes: int | None = None
    licence: str
    not_weights: tuple[str, ...] = ()
    """Entries of the file that are settings, not tensors of the network."""
    also: tuple[str, ...] = ()
    """Cards of further files without which this one is no whole network, such as the mean of its training data."""
    url: str = ""
    """Public address; empty for weights that ship with the package."""
    training: Training | None = None


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder() -> Path:
    """Where fetched weights are kept: ``$XDG_CACHE_HOME/vidgauge/weights``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vidgauge" / "weights"


def find(card: WeightsCard, shipped: Path | None = None) -> Path | None:
    """A card's file where it lies on this machine, verified; None where it would have to be fetched.

    Args:
        card: what to find.
        shipped: the folder in the package where the card itself lies.

    Raises:
        VidgaugeError: if the file is not the file of the card.
    """
    chosen = os.environ.get("VIDGAUGE_WEIGHTS")
    for folder in (Path(chosen) if chosen else None, shipped, cache_folder()):
        if folder is not None and (folder / card.file).is_file():
            return _verified(card, folder / card.file)
    return None


def locate(card: WeightsCard, shipped: Path | None = None) -> Path:
    """Find a card's file as :func:`find` does, fetching it if need be.

    Raises:
        VidgaugeError: if the file is nowhere (the message says what to put where) or is not the file of the card.
    """
    return find(card, shipped) or _verified(card, _fetch(card, cache_folder() / card.file))


def load_tensors(card: WeightsCard, shipped: Path | None = None) -> dict[str, "Tensor"]:
    """The tensors of a card's file by name, on the CPU. Only a verified TorchScript archive may run code of its own.

    Raises:
        VidgaugeError: as :func:`locate`, or if the file cannot be read as its format says.
    """
    tensors = read_tensors(locate(card, shipped), card.format)
    return {name: tensor for name, tensor in tensors.items() if name not in card.not_weights}


def read_tensors(path: Path, format: str = "") -> dict[str, "Tensor"]:  # noqa: A002 - the card's word
    """The tensors of a file by name, on the CPU.

    Args:
        path: the file.
        format: how it stores them, as a card says; without it, what its name's ending means, and that is never
            "torchscript", for such an archive brings code of its own.

    Raises:
        VidgaugeError: if the file cannot be read as that.
    """
    from safetensors import SafetensorError

    form = format or _FORMATS.get(path.suffix, "safetensors")
    try:
        return _READERS[form](path)
    except (*_UNREADABLE, SafetensorError) as error:
        reason = str(error).partition("\n")[0]
        raise VidgaugeError(f"weights: {path} cannot be read as {form} ({reason})") from error


def _read_safetensors(path: Path) -> dict[str, "Tensor"]:
    from safetensors.torch import load_file

    return load_file(path)


def _read_state_dict(path: Path) -> dict[str, "Tensor"]:
    import torch

    with warnings.catch_warnings():
        # Of a TorchScript archive torch warns before it refuses it; the refusal is enough.
        warnings.filterwarnings("ignore", message=".*TorchScript archive", category=UserWarning)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    # Checkpoints of trainings hold the state dict beside other things.
    nested = (tensors[key] for key in ("state_dict", "model", "module") if isinstance(tensors.get(key), Mapping))
    return dict(next(nested, tensors))


def _read_torchscript(path: Path) -> dict[str, "Tensor"]:
    import torch

    archive = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]  # torch leaves it so
    return dict(archive.state_dict())


def _read_npz(path: Path) -> dict[str, "Tensor"]:
    import numpy as np
    import torch

    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


_READERS: dict[str, Callable[[Path], dict[str, "Tensor"]]] = {
    "safetensors": _read_safetensors,
    "state-dict": _read_state_dict,
    "torchscript": _read_torchscript,
    "npz": _read_npz,
}
_FORMATS = {".npz": "npz"} | dict.fromkeys((".pt", ".pth", ".bin", ".ckpt"), "state-dict")
_UNREADABLE = (
    OSError,
    RuntimeError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)


def load_into(module: "Module", tensors: Mapping[str, "Tensor"], source: str) -> None:
    """Copy tensors into a module whose names and shapes they must match one for one.

    Raises:
        VidgaugeError: naming the first few tensors that are missing, unknown or of another shape.
    """
    own = module.state_dict()
    missing = sorted(own.keys() - tensors.keys())
    unknown = sorted(tensors.keys() - own.keys())
    misshapen = sorted(name for name in own.keys() & tensors.keys() if own[name].shape != tensors[name].shape)
    for problem, names in (("lacks", missing), ("has the unknown", unknown), ("has another shape for", misshapen)):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise VidgaugeError(
                f"{source} does not fit {type(module).__name__}: it {problem} {', '.join(names[:3])}{more}"
            )
    module.load_state_dict(dict(tensors))


def _verified(card: WeightsCard, path: Path) -> Path:
    digest = sha256(path)
    expected = card.sha256 or _first_seen(path, digest)
    if digest != expected:
        raise VidgaugeError(
            f"weights {card.name!r}: {path} has sha256 {digest}, not {expected}; remove it and fetch it again"
            + (f" from {card.url}" if card.url else "")
        )
    return path


def _first_seen(path: Path, digest: str) -> str:
    """Where upstream states no digest, the first one is recorded beside the file, and later changes are refused."""
    note = path.with_name(path.name + ".sha256")
    if not note.exists():
        note.write_text(digest + "\n", encoding="ascii")
    return note.read_text(encoding="ascii").strip()


def _fetch(card: WeightsCard, target: Path) -> Path:
    if not card.url:
        raise _missing(card, target, "and they have no public address")
    if os.environ.get("VIDGAUGE_OFFLINE"):
        raise _missing(card, target, "and VIDGAUGE_OFFLINE is set")
    target.parent.mkdir(parents=True, exist_ok=True)
    # A download cut short must not be taken for the file: it gets its name only when it is whole.
    handle, partial = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".partial")
    try:
        request = urllib.request.Request(card.url, headers={"User-Agent": "vidgauge"})  # noqa: S310 - from a card
        with os.fdopen(handle, "wb") as file, urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            shutil.copyfileobj(response, file, _CHUNK)
        Path(partial).replace(target)
    except (OSError, urllib.error.URLError, ValueError) as error:
        raise _missing(card, target, f"and could not be fetched ({getattr(error, 'reason', error)})") from error
    finally:
        Path(partial).unlink(missing_ok=True)
    return target


def _missing(card: WeightsCard, target: Path, why: str) -> VidgaugeError:
    size = f", {card.bytes / 1e6:.0f} MB" if card.bytes else ""
    digest = f" with sha256 {card.sha256}" if card.sha256 else ""
    address = f"get it from {card.url} and put it" if card.url else "put it"
    return VidgaugeError(
        f"weights {card.name!r} ({card.file}{size}) are not on this machine {why}; "
        f"{address}{digest} into {target.parent} or into the folder that --weights-dir or VIDGAUGE_WEIGHTS names"
    )
