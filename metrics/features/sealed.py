"""Arrays in a safetensors file that carries the digest of what is in it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from vidgauge.errors import VidgaugeError
from vidgauge.files import whole_file

_FACTS, _DIGEST = "vidgauge", "sha256"


def write_sealed(path: Path, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> None:
    """Write arrays, and facts about them that JSON can hold; the file is there whole or not at all.

    Raises:
        VidgaugeError: if it cannot be written.
    """
    text = json.dumps(facts, sort_keys=True)
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with whole_file(path) as partial:
        try:
            save_file(whole, partial, {_FACTS: text, _DIGEST: _digest(whole, text)})
        except OSError as error:
            raise VidgaugeError(f"{path}: cannot be written ({error.strerror or error})") from error


def read_facts(path: Path) -> dict[str, Any]:
    """The facts alone, which says nothing about the arrays' health.

    Raises:
        VidgaugeError: for a file that is not one of these.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            return dict(json.loads((file.metadata() or {})[_FACTS]))
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise VidgaugeError(f"{path}: holds no features of vidgauge's, or is damaged") from error


def read_sealed(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays and facts, which are what was written.

    Raises:
        VidgaugeError: for a file that is not one of these, or was changed.
    """
    facts = read_facts(path)
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            text, said = (file.metadata()[entry] for entry in (_FACTS, _DIGEST))
    except (OSError, SafetensorError, KeyError) as error:
        raise VidgaugeError(f"{path}: is damaged") from error
    if _digest(arrays, text) != said:
        raise VidgaugeError(f"{path}: is damaged: its content has another digest than it had when it was written")
    return arrays, facts


def _digest(arrays: Mapping[str, NDArray[Any]], facts: str) -> str:
    digest = hashlib.sha256(facts.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).reshape(-1).data)
    return digest.hexdigest()
