"""Reading weights files: four formats, and what such a file is instead where a download went wrong."""

import json
import pickle
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vidgauge.errors import VidgaugeError
from vidgauge.weights.card import Format

if TYPE_CHECKING:
    from torch import Tensor

_HEAD = 512
_LONGEST_HEADER = 100_000_000
"""Which safetensors allow."""
_ZIP = b"PK\x03\x04"
_PICKLE = b"\x80"
_POINTER = b"version https://git-lfs.github.com/spec/"
_PAGES = (b"<!doctype html", b"<html", b"<?xml", b"<head")


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
        reason = impostor(path) or str(error).partition("\n")[0]
        raise VidgaugeError(f"weights: {path} cannot be read as {form} ({reason})") from error


def format_of(path: Path) -> Format:
    """How a file stores its tensors, by its contents, of which nothing is run.

    Raises:
        VidgaugeError: for a file that is of none of the formats: it says what it looks like.
    """
    try:
        wrong = impostor(path)
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise VidgaugeError(f"weights: cannot read {path} ({error.strerror})") from error
    if wrong:
        raise VidgaugeError(f"weights: {path}: {wrong}")
    if head.startswith(_ZIP):
        return _format_of_archive(path)
    if _has_safetensors_header(head):  # before pickles: the length may begin with their mark
        return "safetensors"
    if head.startswith(_PICKLE):
        return "state-dict"
    raise VidgaugeError(f"weights: {path} is no weights file: neither safetensors, npz, state dict nor TorchScript")


def _format_of_archive(path: Path) -> Format:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    inside = {name.partition("/")[2] for name in names}  # all lies in one folder
    if "constants.pkl" in inside:
        return "torchscript"
    if "data.pkl" in inside:
        return "state-dict"
    raise VidgaugeError(f"weights: {path} is an archive of other things; unpack it, and give the weights in it")


def impostor(path: Path) -> str:
    """What lies there instead of weights after a download went wrong; empty where nothing of that kind is seen."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not size:
        return "an empty file"
    if head.startswith(_POINTER):
        return "a Git LFS pointer, not the file that it points to: 'git lfs pull', or download it from the web page"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES):
        return "a web page, not the file: the address wants a click or a login; download it in a browser"
    if head.startswith(_ZIP) and not zipfile.is_zipfile(path):
        return f"cut short after {size} bytes: the end of the archive is missing"
    return _cut_safetensors(head, path, size)


def _has_safetensors_header(head: bytes) -> bool:
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _LONGEST_HEADER


def _cut_safetensors(head: bytes, path: Path, size: int) -> str:
    if not _has_safetensors_header(head):
        return ""
    length = int.from_bytes(head[:8], "little")
    with path.open("rb") as file:
        file.seek(8)
        header = file.read(length)
    try:
        entries = json.loads(header)
        end = max((entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"), default=0)
    except (ValueError, KeyError, TypeError, AttributeError):
        end = size if len(header) < length else 0
    return f"cut short after {size} bytes" if 8 + length + end > size else ""


def _read_safetensors(path: Path) -> dict[str, "Tensor"]:
    from safetensors.torch import load_file

    return load_file(path)


def _read_state_dict(path: Path) -> dict[str, "Tensor"]:
    import torch

    with warnings.catch_warnings():
        # Of a TorchScript archive torch warns before it refuses it; the refusal is enough.
        warnings.filterwarnings("ignore", message=".*TorchScript archive", category=UserWarning)
        # Whether it can read a newer pickle it says by reading it.
        warnings.filterwarnings("ignore", message="Detected pickle protocol", category=UserWarning)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    # Checkpoints of trainings hold the state dict beside other things.
    nested = (tensors[key] for key in ("state_dict", "model", "module") if isinstance(tensors.get(key), Mapping))
    found = dict(next(nested, tensors))
    for name, value in found.items():
        if not isinstance(value, torch.Tensor):
            raise ValueError(f"its entry {name!r} is no tensor")
    return found


def _read_torchscript(path: Path) -> dict[str, "Tensor"]:
    import torch

    with warnings.catch_warnings():
        # Newer versions call this deprecated; the files are as they are.
        warnings.filterwarnings("ignore", message=r".*torch\.jit", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message=r".*torch\.jit", category=FutureWarning)
        archive = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]  # torch leaves it so
    return {name: tensor.detach() for name, tensor in archive.state_dict().items()}


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
    EOFError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)
