"""One transformer of W.A.L.T trained and sampled on latents: the first, or one of super-resolution (section 3)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vidgauge.reference_models.diffusion import (
    Ddim,
    Denoise,
    DiscreteSchedule,
    Estimate,
    Level,
    Noise,
    denoiser,
    estimate,
    guided_together,
    linear_betas,
    loss,
    sample,
    zero_terminal_snr,
)
from vidgauge.reference_models.pipeline import Sampling, Step
from vidgauge.reference_models.walt.captions import Condition, joined
from vidgauge.reference_models.walt.conditioning import beside, first_frames
from vidgauge.reference_models.walt.recipes import StageRecipe

if TYPE_CHECKING:
    from vidgauge.reference_models.systems.walt import Walt


class Stage(nn.Module):
    """Latents out of noise and a caption; with super-resolution, out of the smaller ones of the stage before, too.

    Args:
        recipe: how it is trained and sampled.
        network: its transformer.
    """

    def __init__(self, recipe: StageRecipe, network: "Walt") -> None:
        super().__init__()
        self.recipe, self.network = recipe, network
        with torch.device("cpu"):
            self.schedule = DiscreteSchedule(zero_terminal_snr(linear_betas()))

    def loss(self, step: Step, x: Tensor, condition: Condition, low: Tensor | None) -> Tensor:
        """Of v, on videos and stacks of images in one batch.

        Args:
            step: for randomness.
            x: latents (B, c, 1 + t, h, w), stacks of images last.
            condition: of each frame.
            low: the smaller latents of the same videos and images, for super-resolution.
        """
        eps, level = step.noise(x), self.schedule.draw(len(x), step.generator).on(x.device)
        z, given_bt = level.noised(x, eps), self._given(x, step)
        smaller = None if low is None else self._augmented(low, step)

        def called(own: Tensor | None) -> Tensor:
            more = self._beside(z, own, x, given_bt)
            return self._called(z, level, more, condition, smaller, images=self.recipe.stacks)

        own = None
        if torch.rand((), generator=step.generator).item() < self.recipe.self_conditioning:
            with torch.no_grad():
                own = estimate("v", called(None), z, level).x
        return loss("v", called(own), x, eps, level).mean()

    def sampled(
        self,
        z: Tensor,
        condition: Condition,
        nothing: Condition,
        options: Sampling,
        told: Callable[[], object],
        *,
        known: Tensor | None = None,
        low: tuple[Tensor, Tensor] | None = None,
        images: bool = False,
    ) -> Tensor:
        """Latents by DDIM.

        Args:
            z: noise.
            condition: of each row.
            nothing: as much of what is left out.
            options: of the pipeline.
            told: called after each step.
            known: the first latents, for frame prediction.
            low: latents of the stage before, and noise of their shape for them.
            images: whether rows are images, each for itself.
        """
        recipe = self.recipe
        steps, scale = options.steps_or(recipe.sampling_steps), options.guidance_or(recipe.guidance)
        smaller = None
        if low is not None:
            level = self.schedule.level(torch.full((len(z),), recipe.low_noise, device=z.device))
            smaller = level.noised(*low), level.told_b
        denoise = self._denoiser(z, condition, nothing, scale, known, smaller, images=images)
        return sample(denoise, z, self.schedule, steps, Ddim(), Noise([]), told)  # DDIM draws no noise

    def _denoiser(
        self,
        z: Tensor,
        condition: Condition,
        nothing: Condition,
        scale: float,
        known: Tensor | None,
        smaller: tuple[Tensor, Tensor] | None,
        *,
        images: bool,
    ) -> Denoise:
        """The model, told at each step what it made of the one before.

        Guidance is of captions and of given frames: without the one there is not the other (the paper names both).
        """
        given_bt = torch.zeros(len(z), z.shape[2], dtype=torch.bool, device=z.device)
        whole = torch.zeros_like(z)
        if known is not None:
            given_bt[:, : known.shape[2]] = True
            whole[:, :, : known.shape[2]] = known
        guides = scale != 1
        if guides:
            condition = joined(condition, nothing)
            given_bt, whole = torch.cat([given_bt, torch.zeros_like(given_bt)]), torch.cat([whole, whole])
            smaller = None if smaller is None else (torch.cat([smaller[0]] * 2), torch.cat([smaller[1]] * 2))
        before: Tensor | None = None

        def call(rows: Tensor, level: Level) -> Tensor:
            own = None if before is None else before.repeat(len(rows) // len(before), 1, 1, 1, 1)
            more = self._beside(rows, own, whole, given_bt)
            return self._called(rows, level, more, condition, smaller, images=len(rows) if images else 0)

        model = denoiser(call, "v")
        if guides:
            model = guided_together(model, scale)

        def remembering(rows: Tensor, level: Level) -> Estimate:
            nonlocal before
            found = model(rows, level)
            before = found.x
            return found

        return remembering

    def _called(
        self,
        z: Tensor,
        level: Level,
        more: Tensor,
        condition: Condition,
        smaller: tuple[Tensor, Tensor] | None,
        *,
        images: int,
    ) -> Tensor:
        given, mask = (*condition, None)[:2]
        low, low_step_b = (None, None) if smaller is None else smaller
        found: Tensor = self.network(z, level.told_b, more, given, mask, low, low_step_b, images=images)
        return found

    def _beside(self, z: Tensor, own: Tensor | None, known: Tensor, given_bt: Tensor) -> Tensor:
        if not self.network.model.prediction:
            return beside(z, own)
        return beside(z, own, known, given_bt, prediction=True)

    def _given(self, x: Tensor, step: Step) -> Tensor:
        """Frames that are given in training, those of videos alone: (B, T) bool."""
        (batch, _, frames), stacks = x.shape[:3], self.recipe.stacks
        given_bt = first_frames(batch - stacks, frames, self.recipe.frame_prediction, step.generator)
        return torch.cat([given_bt, given_bt.new_zeros(stacks, frames)]).to(x.device)

    def _augmented(self, low: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """The smaller latents with noise, and how much: t_sr is uniform up to t_max."""
        step_b = torch.randint(self.recipe.low_noises, (len(low),), generator=step.generator)
        level = self.schedule.level(step_b).on(low.device)
        return level.noised(low, step.noise(low)), level.told_b
