"""Where a training run is: all that it needs to go on to the same numbers."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from vidgauge.errors import UsageError
from vidgauge.files import whole_file
from vidgauge.reference_models.training.curve import Curve
from vidgauge.reference_models.training.request import Request

CHECKPOINT = "checkpoint.pt"


@dataclass
class Progress:
    """How far a run is."""

    steps: list[int]
    """Of each phase."""
    phase: int = 0
    """Index of the present one."""
    done: int = 0
    """Steps of the present phase."""
    seconds: float = 0.0
    """Spent so far."""
    losses: dict[str, float] = field(default_factory=dict)
    """Of each phase begun."""
    curves: dict[str, Curve] = field(default_factory=dict)
    """The same, with all that came before."""


def save(path: Path, request: Request, progress: Progress, tensors: dict[str, Any]) -> None:
    """Replace the checkpoint, whole or not at all."""
    with whole_file(path) as partial:
        torch.save({"request": request.model_dump_json(), "progress": vars(progress), "tensors": tensors}, partial)


def load(path: Path, request: Request) -> tuple[Progress, dict[str, Any]] | None:
    """What was saved; None where nothing was.

    Raises:
        UsageError: where it is of another request, or cannot be read.
    """
    if not path.exists():
        return None
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        request_then, progress = Request.model_validate_json(state["request"]), Progress(**state["progress"])
    except Exception as error:  # torch.load raises whatever a broken file makes it
        raise UsageError(f"{path}: is no checkpoint of this version; remove it to begin anew") from error
    request.require(request_then, path)
    return progress, state["tensors"]
