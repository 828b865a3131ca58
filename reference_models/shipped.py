"""The trained systems that ship with the package: small weights, and a card of each that says where they come from."""

from datetime import datetime
from pathlib import Path

from vidgauge.environment import Environment
from vidgauge.record import Frozen, ProtocolRef
from vidgauge.registry import Registry
from vidgauge.weights import Training, WeightsCard, locate

FOLDER = Path(__file__).parent / "weights"
TOY_SCALE = "toy scale: says nothing about the published system"


class SystemTraining(Training):
    """How a system was trained."""

    data: str
    """What it was trained on, as 'vidgauge train --data' has it; ``data_seed`` is the seed of that world."""
    seed: int
    """Of the first weights and of all that training drew."""
    steps: dict[str, int]
    """Of each phase."""
    losses: dict[str, float]
    """Of each phase at its end, the mean over the last hundred steps or so."""


class Halving(Frozen):
    """What it changed to keep floating tensors in float16."""

    trained_sha256: str
    """Digest of the weights as they were trained, in float32: those that were scored."""
    kept_in_float32: tuple[str, ...]
    """Tensors that float16 cannot hold."""
    videos: int
    """So many were sampled from the same noise with both."""
    largest_pixel_difference: int
    """Of their pixels, in levels of 255."""
    mean_pixel_difference: float


class Distance(Frozen):
    """How far some videos are from real ones."""

    videos: str
    """The system's own samples, or what is held against them."""
    system: bool
    """Whether the system made them."""
    value: float
    low: float
    high: float


class Quality(Frozen):
    """What was measured with the weights as they were trained, beside baselines of the same videos' size and number."""

    protocol: ProtocolRef
    size: str
    """Frames, height and width of all videos."""
    n: int
    """Videos on either side."""
    level: float
    """Of all intervals."""
    code: str
    """Commit that measured."""
    time: datetime
    """When the samples were measured, UTC."""
    distances: tuple[Distance, ...]
    environment: Environment
    """Where it was measured."""


class SystemCard(WeightsCard):
    """The card of a trained system."""

    scale: str
    """That it says nothing about the published system."""
    parameters: int
    gives: tuple[int, int, int]
    """Frames, height and width of a video."""
    training: SystemTraining
    halving: Halving
    quality: Quality

    def told(self) -> str:
        """How good it is beside what it is held against, in a line."""
        said = self.quality
        found = "; ".join(f"{one.videos} {one.value:.3g} [{one.low:.3g}, {one.high:.3g}]" for one in said.distances)
        return f"{said.protocol.name} of {said.n} videos: {found}; {self.scale}"


CARDS: Registry[SystemCard] = Registry(
    "system with weights", "vidgauge.reference_models.weights", parse=SystemCard.model_validate
)


def names() -> list[str]:
    """The pipelines whose weights ship, such as ``vdm/tiny``; torch is not imported."""
    return CARDS.names()


def shipped(name: str) -> Path | None:
    """The file with a pipeline's shipped weights, verified against its card; None where none ship.

    Args:
        name: of a pipeline, such as ``vdm/tiny``.

    Raises:
        VidgaugeError: where the file is missing or is not the card's.
    """
    return locate(CARDS[name], FOLDER) if name in CARDS else None
