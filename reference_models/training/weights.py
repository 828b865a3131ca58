"""Trained weights: one safetensors file, which also says where it comes from."""

from pathlib import Path

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from vidgauge.errors import UsageError
from vidgauge.files import whole_file
from vidgauge.record import Frozen
from vidgauge.reference_models.pipeline import Pipeline
from vidgauge.reference_models.systems import build_pipeline
from vidgauge.reference_models.training.curve import Curve
from vidgauge.reference_models.training.request import Request

WEIGHTS = "weights.safetensors"
_HEADER = "vidgauge"


class Facts(Frozen):
    """The header of a weights file."""

    request: Request
    steps: dict[str, int]
    """Of each phase."""
    losses: dict[str, float]
    """Of each phase at its end, the mean over the last hundred steps or so."""
    curves: dict[str, Curve] = Field(default_factory=dict)
    """Of each phase: losses on the way."""
    before: tuple[str, ...] = ()
    """Phases that the weights it began from had learnt."""
    seconds: float
    """That training took."""
    parameters: int
    gives: tuple[int, int, int]
    """Frames, height and width of a video."""
    commit: str
    """Of the code, with ``+changes`` where it had any; empty outside a checkout."""
    torch: str
    device: str

    @property
    def learnt(self) -> frozenset[str]:
        """All phases that are in the weights."""
        return frozenset((*self.before, *self.steps))


def save_weights(pipeline: Pipeline, facts: Facts, path: Path) -> None:
    """Write the file, whole or not at all."""
    tensors = {name: tensor.contiguous().cpu() for name, tensor in _distinct(pipeline).items()}
    with whole_file(path) as partial:
        save_file(tensors, partial, {_HEADER: facts.model_dump_json()})


def read_facts(path: Path) -> Facts:
    """The header alone.

    Raises:
        UsageError: where it is no such file.
    """
    try:
        with safe_open(path, "pt") as file:
            return Facts.model_validate_json((file.metadata() or {})[_HEADER])
    except (OSError, SafetensorError, KeyError, ValidationError) as error:
        raise UsageError(f"{path}: holds no trained system; 'vidgauge train' makes such files") from error


def load_pipeline(path: Path, device: str = "cpu") -> tuple[Pipeline, Facts]:
    """Make the pipeline that a file is for, with its weights, in float32 and in evaluation mode.

    Raises:
        UsageError: where it is no such file, or was made by code whose pipeline of that name had other weights.
    """
    facts = read_facts(path)
    with torch.random.fork_rng(devices=[]):  # what it begins with is overwritten
        pipeline = build_pipeline(facts.request.system, device)
    load_weights(pipeline, facts.request.system, path, device)
    return pipeline.eval().requires_grad_(False), facts


@torch.no_grad()
def load_weights(pipeline: Pipeline, system: str, path: Path, device: str = "cpu") -> None:
    """Put a file's weights into a pipeline.

    Raises:
        UsageError: where it is no such file, or one of another system, or was made by code whose pipeline of that name
            had other weights.
    """
    facts = read_facts(path)
    if facts.request.system != system:
        raise UsageError(f"{path}: has the weights of {facts.request.system}; give some of {system}")
    own, given = _distinct(pipeline), load_file(path, device)
    if {name: tensor.shape for name, tensor in own.items()} != {name: tensor.shape for name, tensor in given.items()}:
        raise UsageError(f"{path}: is of another version of {system} ({facts.commit}); train it again")
    for name, tensor in own.items():
        tensor.copy_(given[name])


def _distinct(pipeline: Pipeline) -> dict[str, Tensor]:
    """The weights by name; those that several stages share, by their first name alone."""
    names: dict[tuple[int, torch.Size], str] = {}
    state = pipeline.state_dict()
    for name, tensor in state.items():
        names.setdefault((tensor.data_ptr(), tensor.shape), name)
    return {name: state[name] for name in names.values()}
