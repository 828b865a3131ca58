"""Cards of network weights, one TOML file each, with the safetensors files of those that ship with the package."""

from pathlib import Path

from vidgauge.registry import Registry
from vidgauge.weights import WeightsCard

FOLDER = Path(__file__).parent
CARDS: Registry[WeightsCard] = Registry("weights card", "vidgauge.metrics.weights", parse=WeightsCard.model_validate)
