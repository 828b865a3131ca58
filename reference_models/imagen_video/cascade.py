"""The cascade: text, a first video, then more frames and more pixels by turns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vidgauge.reference_models.diffusion import Noise
from vidgauge.reference_models.imagen_video.distilling import HalvedStage
from vidgauge.reference_models.imagen_video.stage import Asked, Recipe, Stage
from vidgauge.reference_models.pipeline import Advance, Phase, Pipeline, Sampling, counted, to_frames
from vidgauge.reference_models.text import TextEncoder

if TYPE_CHECKING:
    from vidgauge.reference_models.systems.imagen_video import ImagenVideoUNet

FRAMES_AT_ONCE = 16
"""Of the chunks that come out."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """Of one stage. The paper states none of it; Imagen's are Adafactor for the base, Adam for the others, 1e-4."""

    steps: int
    batch: int
    learning_rate: float
    ema: float = 0.999


class Cascade(Pipeline):
    """Any number of stages, each a submodule under its own name; all see the same text.

    Models are trained independently of one another, each on data at its own size. The text encoder is trained with the
    first stage and then left alone, in the place of a T5 that is never trained.

    Args:
        stages: network, recipe and training of each, by name, in order.
        encoder: of the text.
        fps: of the videos that come out.
        distilled: whether each stage learns to do with half its steps at last.
    """

    def __init__(
        self,
        stages: Mapping[str, tuple["ImagenVideoUNet", Recipe, Training]],
        encoder: TextEncoder,
        fps: float,
        *,
        distilled: bool = False,
    ) -> None:
        super().__init__()
        self.names, self.text = tuple(stages), encoder
        self.training_of = {name: training for name, (_, _, training) in stages.items()}
        last, _, _ = stages[self.names[-1]]
        (self.frames, self.height, self.width), self.fps = last.grid, fps
        for name, (network, recipe, _) in stages.items():
            kind = HalvedStage if distilled else Stage
            self.add_module(name, kind(network, recipe, stride=self.frames // network.grid[0]))

    @property
    def stages(self) -> list[Stage]:
        """In order."""
        found = [self.get_submodule(name) for name in self.names]
        return [stage for stage in found if isinstance(stage, Stage)]

    def phases(self) -> Sequence[Phase]:
        """One a stage; where asked for, one more each, of distillation."""
        stages = dict(zip(self.names, self.stages, strict=True))
        learnt = [self._phase(name, stage) for name, stage in stages.items()]
        return learnt + [
            replace(
                self._phase(name, stage),
                name=f"{name} halved",
                trains=(f"{name}.network",),
                loss=loss,
                begin=stage.begin,
            )
            for name, stage in stages.items()
            if isinstance(stage, HalvedStage)
            for loss in [partial(stage.distil, encoder=self.text)]
        ]

    def _phase(self, name: str, stage: Stage) -> Phase:
        training = self.training_of[name]
        return Phase(
            name=name,
            trains=(f"{name}.network", "text") if stage.first else (f"{name}.network",),
            loss=partial(stage.loss, encoder=self.text),
            steps=training.steps,
            batch=training.batch,
            learning_rate=training.learning_rate,
            decay="cosine",
            ema=training.ema,
        )

    @torch.no_grad()
    def sample(
        self, captions: Sequence[str], noise_seeds: Sequence[int], options: Sampling, advance: Advance
    ) -> Iterator[Tensor]:
        """As every pipeline. Without ``temporal``, each frame is made for itself, as images are in training."""
        asked = Asked(
            text=self.text(captions),
            null=self.text.nothing(len(captions)),
            noise=Noise(noise_seeds),
            temporal=options.temporal,
            steps=options.steps,
            guidance=options.guidance,
            advance=counted(advance, sum(stage.steps(options.steps) for stage in self.stages)),
        )
        video = None
        for stage in self.stages:
            video = stage.sample(video, asked)
        assert video is not None
        for first in range(0, self.frames, FRAMES_AT_ONCE):
            yield to_frames(video[:, :, first : first + FRAMES_AT_ONCE])
