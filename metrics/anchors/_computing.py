"""From an anchor's inputs to its number."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from vidgauge.datasets.spatial.rule import SpatialRule
from vidgauge.errors import UsageError, near_misses
from vidgauge.metrics.anchors._inputs import Advance, Cifar10Train, Constants, Noise
from vidgauge.metrics.frechet import FrechetConvention, frechet_distance_of_features
from vidgauge.metrics.inception import InceptionConvention, inception_scores
from vidgauge.metrics.networks import VideoNetwork, build_network

if TYPE_CHECKING:
    from vidgauge.metrics.anchors import Anchor
    from vidgauge.metrics.arrays import Array


@torch.inference_mode()
def compute(anchor: "Anchor", inputs: Constants | Noise | Cifar10Train, data: Path | None, advance: Advance) -> float:
    """The number that the weights give, in float32 on the CPU."""
    network = cast("VideoNetwork", build_network(anchor.network, weights=anchor.weights, **anchor.network_parameters))
    resize = SpatialRule.parse(anchor.resize) if anchor.resize else None
    spec = network.input

    def prepare(frames_thwc: torch.Tensor) -> torch.Tensor:
        assert resize is not None, f"{anchor.name} shows frames and does not say how they come to the network's size"
        return resize(frames_thwc, spec.height, spec.width, torch.float32).transpose(0, 1)

    sets: tuple[list[torch.Tensor], list[torch.Tensor]] = ([], [])
    for done, (which, clip_cthw) in enumerate(inputs.show(prepare, data), start=1):
        outputs = network.extract(clip_cthw[None])
        if anchor.output not in outputs:
            raise UsageError(
                f"anchor {anchor.name!r}: no output {anchor.output!r}; {near_misses(anchor.output, list(outputs))}"
            )
        sets[which].append(outputs[anchor.output].flatten(0, -2))  # of frames, as many rows as there are
        advance(done, inputs.total)
    return _statistic(anchor, [torch.cat(rows).numpy().astype(np.float64) for rows in sets if rows])


def _statistic(anchor: "Anchor", sets: "list[Array]") -> float:
    if anchor.statistic == "frechet":
        real, generated = sets
        return frechet_distance_of_features(real, generated, convention=cast("FrechetConvention", anchor.convention))
    (probabilities_nk,) = sets
    return float(inception_scores(probabilities_nk, cast("InceptionConvention", anchor.convention)).mean())
