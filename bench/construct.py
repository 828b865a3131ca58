"""From a variant of a suite to the module that it names."""

import torch

from vidgauge.bench.suite import WHOLE, Direction, Variant
from vidgauge.bench.whole_pipeline import WholePipeline
from vidgauge.reference_models import diffusers_parts, layers, systems
from vidgauge.reference_models.measured import Measured, Takes
from vidgauge.reference_models.pipeline import Sampling


def construct(variant: Variant, device: str, direction: Direction) -> Measured:
    """Build a layer, a network or a whole system, with weights from torch's default generator.

    Args:
        variant: with extents in the place of their names.
        device: for a system, and ``meta``, which takes no memory. Other layers are built on the CPU, so that their
            weights are the same whatever the device.
        direction: what is asked of it, which tells a network from the whole system of its name.

    Raises:
        UsageError: where there is no such thing, or its arguments are wrong.
    """
    if direction in WHOLE:
        pipeline = systems.build_pipeline(variant.system, device=device)
        return WholePipeline(pipeline, direction, Sampling(steps=variant.steps))
    if variant.system:
        return systems.build_network(variant.system, device=device)
    with torch.device("meta" if device == "meta" else "cpu"):
        if variant.of_diffusers:
            return diffusers_parts.build_part(variant.layer, variant.config)
        return layers.build(variant.layer, **variant.config)


def takes(variant: Variant, *, whole: bool) -> Takes:
    """The layout of what it takes, known without building it; of a whole system, that of what comes out.

    Raises:
        UsageError: where there is no such thing.
    """
    if whole:
        return WholePipeline.takes
    if variant.of_diffusers:
        return diffusers_parts.TAKES
    return systems.SYSTEMS[variant.system].takes if variant.system else layers.LAYERS[variant.layer].takes
