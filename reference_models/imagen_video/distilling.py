"""Half as many steps: progressive distillation (Salimans and Ho, arXiv 2202.00512)."""

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

from torch import Tensor

from vidgauge.reference_models.diffusion import (
    Denoise,
    Distilled,
    Noise,
    Sampler,
    distilled_estimate,
    draw_halves,
    loss,
)
from vidgauge.reference_models.imagen_video.low_resolution import cropped
from vidgauge.reference_models.imagen_video.stage import SCHEDULE, Asked, Low, Recipe, Stage
from vidgauge.reference_models.pipeline import Step
from vidgauge.reference_models.text import TextEncoder

if TYPE_CHECKING:
    from vidgauge.reference_models.systems.imagen_video import ImagenVideoUNet


class HalvedStage(Stage):
    """A stage that is trained as every other, and then to do in one step what it did in two, guidance included.

    The paper distils guidance first and halves afterwards, again and again, to 8 steps; here both at once, once.
    """

    def __init__(self, network: "ImagenVideoUNet", recipe: Recipe, stride: int) -> None:
        super().__init__(network, recipe, stride)
        self.teacher = Stage(deepcopy(network), recipe, stride).requires_grad_(False)

    def begin(self) -> None:
        """The teacher is what has been learnt so far; the student starts as its copy."""
        self.teacher.network.load_state_dict(self.network.state_dict())

    def distil(self, step: Step, encoder: TextEncoder) -> Tensor:
        """How far the student is from where two guided DDIM steps of the teacher lead, in v."""
        frames, height, width = self.network.grid
        clips = step.clips(frames=frames, height=height, width=width, stride=self.stride)
        x = cropped(clips.video_bcthw, self.recipe.crop, self.recipe.space, step.generator)
        count, eps, low = len(x), step.noise(x), None if self.first else self.start_in_training(x, step)
        now, middle, then = draw_halves(SCHEDULE, self.recipe.steps // 2, count, step.generator)
        text, z = encoder(clips.captions), now.noised(x, eps)
        asked = Asked(text, encoder.nothing(count), Noise([]), True, None, self._fixed_guidance(), lambda: None)
        found = distilled_estimate(self.teacher.denoise(low, asked, self.recipe.steps), z, now, middle, then)
        return loss("v", self.predict(z, now, text, low), *found, now, "v").mean()

    def _fixed_guidance(self) -> float:
        """The mean where it oscillates: a step of the student's is one of each of the teacher's."""
        chosen = self.recipe.guidance
        return sum(chosen) / 2 if isinstance(chosen, tuple) else chosen

    def steps(self, chosen: int | None) -> int:
        """Half."""
        return max(1, super().steps(chosen) // 2)

    def sampler(self) -> Sampler:
        """Two steps forward, one back."""
        return Distilled()

    def denoise(self, low: Low | None, asked: Asked, steps: int) -> Denoise:
        """Guidance is in the weights."""
        return super().denoise(low, replace(asked, guidance=1.0), steps)
