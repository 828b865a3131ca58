"""The layers of the I3D that convolve, as it scores, each beside the convolution that this machine runs fastest."""

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from vidgauge.bench.ceilings.candidates import Candidate, Inputs, compute_candidates
from vidgauge.bench.contests.scoring_speed.finding import SHARE, Finding, estimated
from vidgauge.bench.contests.scoring_speed.plan import Layers
from vidgauge.bench.contests.scoring_speed.race import OURS, Call, Entrant, Tell, race
from vidgauge.bench.timing.statistics import Estimate
from vidgauge.metrics.extractor import Extractor, NetworkUse
from vidgauge.metrics.protocols import PROTOCOLS

MEAN = "all, weighted by time"
_PROTOCOL = "fvd.cd-fvd-i3d"
_DIMENSIONS = 5
"""Of the weight of a convolution over time and space."""


@dataclass(frozen=True)
class Layer:
    """One that convolves, with what is fused into it."""

    name: str
    flops: int
    """Of the convolution as it is defined, whatever algorithm computes it."""
    call: Call


def run(part: Layers, tell: Tell) -> list[Finding]:
    """The share of the ceiling that each layer reaches, and all of them together."""
    with torch.inference_mode():
        layers = sorted(layers_of(part), key=lambda one: -one.flops)[: part.most]
        best = _fastest(part)
        findings = []
        for index, one in enumerate(layers):
            tell(index / len(layers), one.name)
            findings.append(_share(one, *best, part))
    return [*findings, _together(findings)]


def layers_of(part: Layers) -> list[Layer]:
    """Those of the network as it scores."""
    extractor = Extractor(NetworkUse.of(PROTOCOLS[_PROTOCOL].with_random_weights(0)))
    found: dict[str, Layer] = {}
    convolving = {
        name: module
        for name, module in extractor.module.named_modules()
        if isinstance(weight := getattr(module, "weight", None), Tensor) and weight.ndim == _DIMENSIONS
    }

    def note(name: str, module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        weight = convolving[name].weight
        assert isinstance(weight, Tensor)
        flops = 2 * output.numel() * math.prod(weight.shape[1:])
        found.setdefault(name, Layer(name, flops, _again(module, inputs[0])))

    handles = [module.register_forward_hook(partial(note, name)) for name, module in convolving.items()]
    clip_thwc = torch.randint(256, (part.frames, 224, 224, 3), dtype=torch.uint8)
    extractor([extractor.prepare(clip_thwc)] * part.clips)
    for handle in handles:
        handle.remove()
    return list(found.values())


def _again(module: nn.Module, given: Tensor) -> Call:
    """The same call on numbers of its own: the network's are not kept."""
    shape, strides, dtype, made = given.shape, given.stride(), given.dtype, list[Tensor]()

    def call() -> object:
        if not made:
            made.append(torch.empty_strided(shape, strides, dtype=dtype).uniform_())
        return module(made[0])

    return call


def _fastest(part: Layers) -> tuple[Candidate, Call]:
    """Of the convolutions that set the ceilings of a machine."""
    inputs = Inputs("cpu", torch.float32, 0)
    offered = [each for each in compute_candidates("cpu") if each.family.startswith("conv")]
    calls = {each.name: (each, each.build(inputs)) for each in offered if each.work <= part.largest_flops}
    entrants = {name: Entrant("ceiling", name, call) for name, (_, call) in calls.items()}
    times = race(list(entrants.values()), SHARE, part.rounds, lambda *_: None, twice=False).times
    rates = {name: calls[name][0].work / times.latency(entrant.name).value for name, entrant in entrants.items()}
    return calls[max(rates, key=rates.__getitem__)]


def _share(one: Layer, best: Candidate, fastest: Call, part: Layers) -> Finding:
    ceiling, layer = Entrant("ceiling", best.name, fastest), Entrant(OURS, one.name, one.call)
    found = race([ceiling, layer], SHARE, part.rounds, lambda *_: None, twice=False)
    ratio, factor = found.times.ratio(ceiling.name, layer.name), one.flops / best.work
    low, high = (None if end is None else end * factor for end in (ratio.low, ratio.high))
    share = Estimate(ratio.value * factor, low, high, ratio.n, ratio.level, ratio.no_interval)
    seconds = found.times.latency(layer.name).value
    details = {"flops": one.flops, "median_seconds": seconds, "ceiling": best.name}
    details |= {"ceiling_flops_per_second": best.work / found.times.latency(ceiling.name).value}
    return found.finding(layer, SHARE, estimated(share, details))


def _together(findings: list[Finding]) -> Finding:
    """The mean, each layer weighted by the time that it takes."""
    times = [one.result["details"]["median_seconds"] for one in findings]
    mean = sum(time * one.result["value"] for time, one in zip(times, findings, strict=True)) / sum(times)
    result = {"value": mean, "n": len(findings), "no_interval": "a mean of medians over layers"}
    return Finding(tool=OURS, what=MEAN, measure=SHARE, result=result | {"details": {"seconds_in_all": sum(times)}})
