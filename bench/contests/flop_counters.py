"""FLOP counters on every layer of the zoo: our formulas, enumeration of what runs, torch's counter and fvcore."""

import importlib.metadata
import uuid
from collections.abc import Iterator
from typing import Any

import torch

from vidgauge.bench.contests import CONTESTS, Announce
from vidgauge.bench.cost.counters import COUNTERS, Counter, Direction, NotCountedError, count
from vidgauge.environment import Environment
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Measure, ProtocolRef, Record, Subject
from vidgauge.reference_models.layer import Layer
from vidgauge.reference_models.layers import LAYERS, build

COUNTED = Measure(name="counted_flops", unit="FLOP", better="neither")
_GRID = (8, 16, 16)  # a level of a small video U-Net, or the tokens of 32 x 128 x 128 pixels in patches of 4 x 8 x 8
_CHANNELS = 64
_DEPTHWISE = ("conv3d", {"in_channels": _CHANNELS, "out_channels": _CHANNELS, "groups": _CHANNELS})
_DISTRIBUTIONS = {"torch_counter": "torch", "fvcore": "fvcore"}
_DIRECTIONS: tuple[Direction, ...] = ("forward", "forward+backward")


@CONTESTS.register("flop-counters")
def flop_counters(environment: Environment, announce: Announce) -> Iterator[Record]:
    """FLOPs of every layer in every form: our formulas against enumeration, torch's FlopCounterMode and fvcore."""
    run, layers = uuid.uuid4().hex, list(contenders())
    for index, (name, config) in enumerate(layers):
        announce(
            index / len(layers), " ".join([name, *(str(config[key]) for key in ("form", "execution") if key in config)])
        )
        torch.manual_seed(0)
        layer = build(name, **config)
        shape = input_shape(layer)
        inputs = (torch.randn(shape), *layer.more_inputs(shape, torch.Generator().manual_seed(0)))
        for direction in _DIRECTIONS:
            subject = Subject(
                kind="layer",
                name=name,
                config={"suite": "flop-counters", "case": direction, "shape": list(shape), "layer_config": config},
            )
            for counter_name, counter in COUNTERS.items():
                yield Record(
                    subject=subject,
                    measure=COUNTED,
                    protocol=ProtocolRef(name=f"flops.{counter_name}", fingerprint=_protocol(counter_name, direction)),
                    environment=environment.fingerprint,
                    code=environment.code,
                    run=run,
                    details={"version": _version(counter_name)},
                    **_counted(counter, layer, inputs, direction),
                )
    announce(1.0, "done")


def contenders() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every layer with its usual arguments in each of its forms, by torch's choice of kernel; and a depthwise one."""
    for name in LAYERS:
        layer = LAYERS[name]
        usual = layer.example(_CHANNELS, _GRID)
        for execution in layer.executions() if usual else ():
            if execution.get("kernel", "auto") == "auto":
                yield name, usual | {key: value for key, value in execution.items() if key != "kernel"}
    yield _DEPTHWISE


def input_shape(layer: Layer) -> tuple[int, ...]:
    """One clip of the contest's grid in the layout that the layer takes."""
    return (1, _CHANNELS, *_GRID) if layer.takes == "video_bcthw" else (1, *_GRID, _CHANNELS)


def _counted(counter: Counter, layer: Layer, inputs: tuple[torch.Tensor, ...], direction: Direction) -> dict[str, Any]:
    try:
        flops = count(counter, layer, inputs, direction)
    except NotCountedError as error:
        return {"status": "failed", "reason": str(error)}
    return {"value": float(flops), "no_interval": "counted, not measured"}


def _protocol(counter: str, direction: Direction) -> str:
    return fingerprint({"counter": counter, "direction": direction, "flops_per_mac": 2, "padding": "counted"})


def _version(counter: str) -> str | None:
    """Of the package that counts, where it is somebody else's."""
    try:
        return importlib.metadata.version(_DISTRIBUTIONS[counter])
    except (KeyError, importlib.metadata.PackageNotFoundError):
        return None
