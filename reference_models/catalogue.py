"""What each layer of the zoo costs on one shape: the zoo as a price list."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from vidgauge.errors import UsageError, near_misses
from vidgauge.record import Frozen
from vidgauge.reference_models.cost import Cost
from vidgauge.reference_models.layers import LAYERS, build, signature


class Entry(Frozen):
    """A layer on a shape."""

    name: str
    summary: str
    config: dict[str, Any]
    """Its arguments."""
    shape: tuple[int, ...]
    """Of its input, in the layout that it takes."""
    cost: Cost | None
    reason: str = ""
    """Why it has no cost: it does not take that shape."""


def catalogue(shape_bcthw: Sequence[int], settings: Mapping[str, object] | None = None) -> Iterator[Entry]:
    """Every layer, with its usual arguments for a shape and what it then costs. No memory is taken.

    Args:
        shape_bcthw: B, C, T, H, W; attention takes the same numbers as (B, T, H, W, C).
        settings: arguments that replace the usual ones in every layer that takes them.

    Raises:
        UsageError: where the shape is not five whole numbers above 0, or no layer takes one of the settings.
    """
    if len(shape_bcthw) != 5 or min(shape_bcthw) < 1:
        raise UsageError(f"shape is {tuple(shape_bcthw)}; it must be five whole numbers above 0: B, C, T, H, W")
    settings = dict(settings or {})
    known = {key for name in LAYERS for key in signature(name).parameters}
    for key in settings:
        if key not in known:
            raise UsageError(f"no layer takes {key!r}; {near_misses(key, sorted(known))}")
    return (_entry(name, shape_bcthw, settings) for name in LAYERS)


def _entry(name: str, shape_bcthw: Sequence[int], settings: Mapping[str, object]) -> Entry:
    layer = LAYERS[name]
    batch, channels, time, height, width = shape_bcthw
    video = layer.takes == "video_bcthw"
    shape = (batch, channels, time, height, width) if video else (batch, time, height, width, channels)
    chosen = {key: value for key, value in settings.items() if key in signature(name).parameters}
    config = layer.example(channels, (time, height, width)) | chosen
    summary = (layer.__doc__ or "").strip().partition("\n")[0]
    try:
        with torch.device("meta"):
            built = build(name, **config)
        cost, reason = built.cost(shape), ""
    except UsageError as error:
        cost, reason = None, str(error)
    return Entry(name=name, summary=summary, config=config, shape=shape, cost=cost, reason=reason)
