"""A whole system as something to measure: one training step of each of its phases, or one batch of samples."""

from collections.abc import Iterator, Sequence
from itertools import islice

import torch

from vidgauge.bench.suite import Direction
from vidgauge.reference_models.cost import Cost
from vidgauge.reference_models.measured import Measured
from vidgauge.reference_models.pipeline import Clips, Phase, Pipeline, Sampling, Step, no_advance
from vidgauge.reference_models.tracing import called_cost

_CAPTION = "a red star orbits clockwise over blue stripes"


class WholePipeline(Measured):
    """A pipeline in one direction. The only thing about its input that counts is the number of clips.

    Training: the loss of one step of each phase, whatever its own batch is, on random pixels, so that no decoding or
    drawing counts. Sampling: that many clips, or as far as it takes until the first frames of them come out.

    Args:
        pipeline: what is measured.
        direction: ``training-step``, ``sample`` or ``first-frame``.
        sampling: how; the preset's own steps and guidance without.
    """

    takes = "video_bcthw"
    in_channels = 3

    def __init__(self, pipeline: Pipeline, direction: Direction, sampling: Sampling | None = None) -> None:
        super().__init__()
        self.pipeline, self.direction, self.sampling = pipeline, direction, sampling or Sampling()
        self.phases = pipeline.phases()
        if direction == "training-step":
            for phase in self.phases:
                phase.begin()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Samples (B, t, H, W, 3), the first or the last that come at once; or the sum of the losses of all phases."""
        if self.direction != "training-step":
            first, *rest = islice(self.chunks(len(x), self.sampling), 1 if self.direction == "first-frame" else None)
            return rest[-1] if rest else first
        return torch.stack([self.loss(phase, x) for phase in self.phases]).sum()

    def loss(self, phase: Phase, x: torch.Tensor, number: int = 0) -> torch.Tensor:
        """Of one step of a phase, as in training; each draws the same numbers every time."""
        self.pipeline.learn(phase)
        return phase.loss(Step(number, phase.steps, len(x), torch.Generator().manual_seed(0), _Pixels(), x.device))

    def gradients(self, phase: Phase, x: torch.Tensor) -> list[torch.Tensor]:
        """Of that loss, for all that the phase trains and that has a part in it."""
        loss = self.loss(phase, x)
        trained = [parameter for parameter in self.pipeline.parameters() if parameter.requires_grad]
        return [gradient for gradient in torch.autograd.grad(loss, trained, allow_unused=True) if gradient is not None]

    def cost(self, shape: Sequence[int]) -> Cost:
        """Of all operators that run, text encoders and autoencoders among them; what samplers add is left out."""
        batch, _ = self.split(shape)
        weight = next(self.parameters())
        if weight.is_meta:
            raise NotImplementedError("what a whole system calls is known only where it runs")
        x = torch.empty(batch, *shape[1:], device=weight.device)
        with torch.set_grad_enabled(self.direction == "training-step"):
            return called_cost(self.pipeline, lambda: self(x))

    def flops_of_step(self, phase: Phase) -> int:
        """Forward and backward, of one training step of a phase at its own batch.

        Counted at one clip and at two; each further one is as the second. What a first step has beyond the others,
        such as measuring latents, is left out.
        """
        one, two = (self._flops_of_step(phase, batch) for batch in (1, 2))
        return one + (two - one) * (phase.batch - 1)

    def _flops_of_step(self, phase: Phase, batch: int) -> int:
        x = torch.empty(batch, 3, 1, 1, 1, device=next(self.parameters()).device)
        cost = called_cost(self.pipeline, lambda: self.loss(phase, x, number=1))
        return cost.forward_flops + cost.backward_flops

    def chunks(self, count: int, options: Sampling) -> Iterator[torch.Tensor]:
        """Samples as they come: (B, t, H, W, 3), one piece after the other in the order of time."""
        with torch.no_grad():
            yield from self.pipeline.sample([_CAPTION] * count, range(count), options, no_advance)


class _Pixels:
    """Random clips."""

    def draw(self, count: int, frames: int, height: int, width: int, stride: int, generator: torch.Generator) -> Clips:
        del stride
        video = torch.rand((count, 3, frames, height, width), generator=generator) * 2 - 1
        return Clips(video, (_CAPTION,) * count, torch.full((count,), 8.0))
