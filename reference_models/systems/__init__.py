"""The reference systems: one file each, which registers its presets. torch is imported when they are opened."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from vidgauge.registry import Registry

if TYPE_CHECKING:
    from torch import nn

    from vidgauge.reference_models.measured import Takes
    from vidgauge.reference_models.pipeline import Pipeline
    from vidgauge.reference_models.system import System

Certainty = Literal["paper", "secondary", "third party", "inherited", "reconstructed"]
"""Where a figure comes from: the paper itself; summaries of it; tables of later papers; the paper of the system that it
builds on; our arithmetic, where no paper says."""


@dataclass(frozen=True)
class Stated:
    """What is said of a network's size."""

    parameters: float
    certainty: Certainty
    note: str = ""


@dataclass(frozen=True)
class Preset:
    """One size of one network, under a name such as ``vdm/small`` or ``imagen-video/tsr1``."""

    summary: str
    """What it is, in a line."""
    takes: "Takes"
    """As of what it makes: known without making it."""
    make: Callable[[], "System"]
    """Builds it, on torch's default device and from torch's default generator."""
    stated: Stated | None = None
    """What is said of its size; nothing where the size is ours."""

    def card(self) -> dict[str, Any]:
        """What lists tell: how many parameters it has, what it takes, and what is said of it."""
        import torch

        with torch.device("meta"):
            network = self.make()
        said = self.stated
        return {
            "kind": "network",
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "takes": self.takes,
            "shape": list(network.input_shape()),
            "stated_parameters": said.parameters if said else None,
            "certainty": said.certainty if said else None,
            "note": said.note if said else "",
        }


@dataclass(frozen=True)
class PipelinePreset:
    """A whole system at one size: what is trained and sampled, under a name such as ``make-a-video/tiny``."""

    summary: str
    make: Callable[[], "Pipeline"]
    """Builds it, on torch's default device and from torch's default generator."""

    def card(self) -> dict[str, Any]:
        """What lists tell: how many parameters it has, and what comes out of it."""
        import torch

        with torch.device("meta"):
            pipeline = self.make()
        return {
            "kind": "pipeline",
            "parameters": sum(parameter.numel() for parameter in pipeline.parameters()),
            "gives": [pipeline.frames, pipeline.height, pipeline.width],
        }


SYSTEMS: Registry[Preset] = Registry("system", "vidgauge.reference_models.systems")
PIPELINES: Registry[PipelinePreset] = Registry("pipeline", "vidgauge.reference_models.systems")


def presets() -> list[str]:
    """The names of all presets, sorted: networks and whole pipelines. A network may bear its pipeline's name."""
    return sorted({*SYSTEMS.names(), *PIPELINES.names()})


def build(name: str, /, device: str = "cpu") -> "nn.Module":
    """Make the network of a preset or, where no network has that name, the pipeline.

    Args:
        name: one of ``presets()``.
        device: where its weights are; on ``meta`` it takes no memory.

    Raises:
        UsageError: where there is none of that name.
    """
    import torch

    with torch.device(device):
        if name in PIPELINES and name not in SYSTEMS:
            return PIPELINES[name].make()
        return SYSTEMS[name].make()


def build_network(name: str, /, device: str = "cpu") -> "System":
    """Make the network of a preset.

    Raises:
        UsageError: where there is none of that name, with near misses.
    """
    import torch

    with torch.device(device):
        return SYSTEMS[name].make()


def build_pipeline(name: str, /, device: str = "cpu") -> "Pipeline":
    """Make a whole system.

    Raises:
        UsageError: where there is none of that name, with near misses.
    """
    import torch

    with torch.device(device):
        return PIPELINES[name].make()
