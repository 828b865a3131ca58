"""From a variant of a suite to the module that it names."""

import torch

from vidgauge.bench.suite import Variant
from vidgauge.reference_models import layers, systems
from vidgauge.reference_models.measured import Measured, Takes


def construct(variant: Variant, device: str) -> Measured:
    """Build a layer or a system, with weights from torch's default generator.

    Args:
        variant: with extents in the place of their names.
        device: for a system, and ``meta``, which takes no memory. Other layers are built on the CPU, so that their
            weights are the same whatever the device.

    Raises:
        UsageError: where there is no such thing, or its arguments are wrong.
    """
    if variant.system:
        return systems.build_network(variant.system, device=device)
    with torch.device("meta" if device == "meta" else "cpu"):
        return layers.build(variant.layer, **variant.config)


def takes(variant: Variant) -> Takes:
    """The layout of what it takes, known without building it.

    Raises:
        UsageError: where there is no such thing.
    """
    return systems.SYSTEMS[variant.system].takes if variant.system else layers.LAYERS[variant.layer].takes
