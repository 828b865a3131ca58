"""Writing trained weights: a safetensors file and the card that says where it comes from."""

from pathlib import Path

from safetensors.torch import save_file
from torch import nn

from vidgauge.environment import Environment
from vidgauge.metrics.training.held_out import Score
from vidgauge.toml_text import toml_text
from vidgauge.weights import Training, WeightsCard, sha256

LICENCE = "Apache-2.0"


def ship(name: str, network: nn.Module, folder: Path, training: Training) -> WeightsCard:
    """Write ``<name>.safetensors`` and its card ``<name>.toml`` into a folder."""
    file = folder / f"{name}.safetensors"
    save_file({key: tensor.contiguous() for key, tensor in network.state_dict().items()}, file)
    card = WeightsCard(
        name=name,
        file=file.name,
        sha256=sha256(file),
        bytes=file.stat().st_size,
        licence=LICENCE,
        training=training,
    )
    (folder / f"{name}.toml").write_text(toml_text(card.model_dump(exclude_defaults=True)), encoding="utf-8")
    return card


def training_facts(command: str, data_seed: int, seconds: float, scores: list[Score]) -> Training:
    """What a card tells about its training, on this machine and commit."""
    here = Environment.capture()
    return Training(
        command=command,
        commit=here.commit or "unknown",
        data_seed=data_seed,
        device=f"{here.cpu}, {here.threads} threads",
        torch=here.libraries["torch"],
        seconds=round(seconds),
        scores={score.name: round(score.value, 4) for score in scores} | {"clips": scores[0].n},
    )
