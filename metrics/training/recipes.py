"""What is trained, on what, for how long: one recipe for each shipped weights file."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

from vidgauge.metrics.networks.shapes_classifier import ShapesClassifier
from vidgauge.metrics.training import clips
from vidgauge.metrics.training.clip import contrastive_loss
from vidgauge.metrics.training.fitting import Plan


@dataclass(frozen=True)
class Recipe:
    """How one set of weights comes about."""

    network: str
    """Name in ``vidgauge.metrics.networks``."""
    plan: Plan
    loss: Callable[[Any, Plan, int], Tensor]
    """Of the network, at a step of the plan; all that is random in it follows from the step."""


def classification_loss(network: ShapesClassifier, plan: Plan, step: int) -> Tensor:
    """Cross-entropy of shape and motion, on clips."""
    chosen = clips.scenes(plan.data_seed, step * plan.batch, plan.batch)
    return F.cross_entropy(network(clips.mixed_video(chosen)).logits_nk, clips.labels(chosen))


def one_frame_loss(network: ShapesClassifier, plan: Plan, step: int) -> Tensor:
    """The same, on clips that repeat one of their frames: what can be known without seeing any motion."""
    chosen = clips.scenes(plan.data_seed, step * plan.batch, plan.batch)
    still = clips.one_frame(clips.mixed_video(chosen), seed=(plan.data_seed, step))
    return F.cross_entropy(network(still).logits_nk, clips.labels(chosen))


RECIPES = {
    "shapes-classifier": Recipe(
        "shapes-classifier", Plan(data_seed=910_001, steps=2000, batch=16, learning_rate=5e-3), classification_loss
    ),
    "shapes-classifier-one-frame": Recipe(
        "shapes-classifier", Plan(data_seed=910_002, steps=2000, batch=16, learning_rate=5e-3), one_frame_loss
    ),
    "shapes-clip": Recipe(
        "shapes-clip", Plan(data_seed=910_003, steps=2000, batch=64, learning_rate=4e-3), contrastive_loss
    ),
}
