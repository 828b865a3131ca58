"""Section 3.4: the upscaler trained and sampled, on latents of the large video that are as large as the small one."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn

from vidgauge.reference_models.autoencoders.image import ImageAutoencoder
from vidgauge.reference_models.autoencoders.objective import autoencoder_loss
from vidgauge.reference_models.diffusion import (
    Ddim,
    DiscreteSchedule,
    Level,
    Noise,
    denoiser,
    loss,
    sample,
    scaled_linear_betas,
)
from vidgauge.reference_models.pipeline import Clips, Step
from vidgauge.reference_models.resizing import resized
from vidgauge.reference_models.text import Text
from vidgauge.reference_models.video_ldm.given import Call
from vidgauge.reference_models.video_ldm.masks import patch
from vidgauge.reference_models.video_ldm.recipes import UpscalingRecipe

if TYPE_CHECKING:
    from vidgauge.reference_models.systems.video_ldm import Upscaler

MEASURED = 64
"""Images from which mean and deviation of the latents' channels are taken."""
AT_ONCE = 8
"""Frames that are decoded together."""


class Read(Protocol):
    """How the system reads captions in training."""

    def __call__(self, captions: Sequence[str], step: Step, *, temporal: bool) -> tuple[Text, Call]:
        """The text, some of it left out, and how the network is called with it."""


class Upscaling(nn.Module):
    """Small frames, with noise, to frames f times as high and wide, by patches in training and whole in sampling.

    Args:
        recipe: how.
        network: given the small frames beside the latents.
    """

    def __init__(self, recipe: UpscalingRecipe, network: "Upscaler") -> None:
        super().__init__()
        self.recipe, self.network = recipe, network
        self.autoencoder = ImageAutoencoder(recipe.autoencoder)
        _, self.height, self.width = recipe.autoencoder.grid
        with torch.device("cpu"):
            self.schedule = DiscreteSchedule(scaled_linear_betas())

    def autoencoder_loss(self, step: Step) -> Tensor:
        """Of large images."""
        return autoencoder_loss(self.autoencoder, self._large(step).video_bcthw, step.generator)

    def loss(self, step: Step, read: Read, *, temporal: bool) -> Tensor:
        """Of v: of images or, with the temporal layers, of clips. The latents are measured before the first step."""
        if step.number == 0 and not self.autoencoder.measured:
            self.autoencoder.measure_([self._large(step, MEASURED).video_bcthw])
        clips = self._large(step, frames=self.recipe.network.grid[0] if temporal else 1)
        with torch.no_grad():
            whole = self.autoencoder.encode(clips.video_bcthw)
        x, small = patch(
            whole, resized(clips.video_bcthw, *whole.shape[3:]), self.recipe.network.grid[1], step.generator
        )
        noises_b = torch.randint(self.recipe.noised, (len(x),), generator=step.generator)
        small = self.schedule.level(noises_b).on(x.device).noised(small, step.noise(small))
        eps, level = step.noise(x), self.schedule.draw(len(x), step.generator).on(x.device)
        text, call = read(clips.captions, step, temporal=temporal)
        z = level.noised(x, eps)
        found = self.network(z, level.told_b, text.tokens_bnc, small, noises_b.to(x.device), call)
        return loss("v", found, x, eps, level).mean()

    def _large(self, step: Step, count: int | None = None, frames: int = 1) -> Clips:
        return step.clips(count, frames=frames, height=self.height, width=self.width)

    def sampled(
        self, small_bcthw: Tensor, text: Text, call: Call, noise: Noise, steps: int, told: Callable[[], object]
    ) -> Iterator[Tensor]:
        """Pixels of the large video, a few frames at a time, from those of the small one in [-1, 1]."""
        batch, _, *grid = small_bcthw.shape
        noises_b = torch.full((batch,), self.recipe.noise, device=small_bcthw.device)
        given = self.schedule.level(noises_b).noised(small_bcthw, noise.like(small_bcthw))
        z = noise.like(small_bcthw.new_empty(batch, self.autoencoder.latent_channels, *grid))

        def network(z: Tensor, level: Level) -> Tensor:
            found: Tensor = self.network(z, level.told_b, text.tokens_bnc, given, noises_b, call)
            return found

        latents = sample(denoiser(network, "v"), z, self.schedule, steps, Ddim(), Noise([]), told)
        return self.autoencoder.decode_slices(latents, AT_ONCE)
