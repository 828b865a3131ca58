"""A whole system as something to measure: one training step of each of its phases, or one batch of samples."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from vidgauge.bench.suite import Direction
from vidgauge.reference_models import cost
from vidgauge.reference_models.cost import Cost
from vidgauge.reference_models.measured import Measured
from vidgauge.reference_models.pipeline import Clips, Phase, Pipeline, Sampling, Step, no_advance
from vidgauge.reference_models.system import System

_CAPTION = "a red star orbits clockwise over blue stripes"


class WholePipeline(Measured):
    """A pipeline in one direction. The only thing about its input that counts is the number of clips.

    Training: the loss of one step of each phase, whatever its own batch is, on random pixels, so that no decoding or
    drawing counts. Sampling: that many clips, at the preset's own steps and guidance.

    Args:
        pipeline: what is measured.
        direction: ``training-step`` or ``sample``.
    """

    takes = "video_bcthw"
    in_channels = 3

    def __init__(self, pipeline: Pipeline, direction: Direction) -> None:
        super().__init__()
        self.pipeline, self.direction = pipeline, direction
        self.phases = pipeline.phases()
        if direction == "training-step":
            for phase in self.phases:
                phase.begin()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Samples (B, t, H, W, 3), the last of them that come at once; or the sum of the losses of all phases."""
        if self.direction == "sample":
            return self._sampled(len(x))
        return torch.stack([self.loss(phase, x) for phase in self.phases]).sum()

    def loss(self, phase: Phase, x: torch.Tensor) -> torch.Tensor:
        """Of one step of a phase, as in training; each draws the same numbers every time."""
        self.pipeline.learn(phase)
        return phase.loss(Step(0, phase.steps, len(x), torch.Generator().manual_seed(0), _Pixels(), x.device))

    def gradients(self, phase: Phase, x: torch.Tensor) -> list[torch.Tensor]:
        """Of that loss, for all that the phase trains and that has a part in it."""
        loss = self.loss(phase, x)
        trained = [parameter for parameter in self.pipeline.parameters() if parameter.requires_grad]
        return [gradient for gradient in torch.autograd.grad(loss, trained, allow_unused=True) if gradient is not None]

    def cost(self, shape: Sequence[int]) -> Cost:
        """Of all calls of the networks, which make up nearly all of it; samplers and text encoders are left out."""
        batch, _ = self.split(shape)
        if next(self.parameters()).is_meta:
            raise NotImplementedError("what a whole system calls is known only where it runs")
        calls: list[tuple[System, torch.Size]] = []

        def call(network: System) -> Callable[[nn.Module, tuple[Any, ...]], None]:
            return lambda _module, given: calls.append((network, given[0].shape))

        networks = [module for module in self.pipeline.modules() if isinstance(module, System)]
        handles = [network.register_forward_pre_hook(call(network)) for network in networks]
        try:
            with torch.no_grad():
                self(torch.empty(batch, *shape[1:], device=next(self.parameters()).device))
        finally:
            for handle in handles:
                handle.remove()
        costs = {(network, shape): network.cost(shape) for network, shape in dict.fromkeys(calls)}
        total = sum((costs[call] for call in calls), cost.elementwise(0))
        return total.model_copy(update={"parameters": sum(each.numel() for each in self.parameters())})

    def _sampled(self, count: int) -> torch.Tensor:
        *_, last = self.pipeline.sample([_CAPTION] * count, range(count), Sampling(), no_advance)
        return last


class _Pixels:
    """Random clips."""

    def draw(self, count: int, frames: int, height: int, width: int, stride: int, generator: torch.Generator) -> Clips:
        del stride
        video = torch.rand((count, 3, frames, height, width), generator=generator) * 2 - 1
        return Clips(video, (_CAPTION,) * count, torch.full((count,), 8.0))
