"""Writing trained weights: a safetensors file and the card that says where it comes from."""

import json
from pathlib import Path

from safetensors.torch import save_file
from torch import nn

from vidgauge.environment import Environment
from vidgauge.metrics.training.held_out import Score
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
    (folder / f"{name}.toml").write_text(_toml(card), encoding="utf-8")
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


def _toml(card: WeightsCard) -> str:
    """Strings and numbers are written alike in TOML and JSON."""
    assert card.training is not None
    top = card.model_dump(exclude={"training"}, exclude_defaults=True)
    training = card.training.model_dump(exclude={"scores"})
    tables = {"": top, "[training]": training, "[training.scores]": card.training.scores}
    lines = [
        line
        for title, table in tables.items()
        for line in ("", title, *(f"{json.dumps(key)[1:-1]} = {json.dumps(value)}" for key, value in table.items()))
    ]
    return "\n".join(lines).strip() + "\n"
