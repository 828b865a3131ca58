"""GenTron trained and sampled: an autoencoder of images, a model of images, and that taught time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from vidgauge.reference_models.autoencoders.image import ImageAutoencoder
from vidgauge.reference_models.autoencoders.objective import autoencoder_loss
from vidgauge.reference_models.diffusion import (
    Ddim,
    Denoise,
    DiscreteSchedule,
    Level,
    Noise,
    denoiser,
    linear_betas,
    loss,
    sample,
)
from vidgauge.reference_models.gentron.motion import motion_guided, motion_masks, still_clip
from vidgauge.reference_models.gentron.recipes import Recipe
from vidgauge.reference_models.pipeline import Advance, Phase, Pipeline, Sampling, Step, counted, to_frames
from vidgauge.reference_models.text import Text, WordEncoder, dropped, joined

if TYPE_CHECKING:
    from vidgauge.reference_models.systems.gentron import GenTron

AT_ONCE = 16
"""Frames that are decoded together."""
MEASURED = 256
"""Images from which mean and deviation of the latents' channels are taken."""


class Captions(NamedTuple):
    """The same captions from both encoders."""

    clip: Text
    t5: Text


class TextToVideo(Pipeline):
    """The model of clips, begun as a model of images; sampled with guidance by text and by motion.

    Our own text encoders stand where the paper has CLIP and T5, and are trained with the network; our own autoencoder
    where it has a published one.

    Args:
        recipe: one of ``gentron.recipes``.
        network: its transformer, with temporal layers and without a learned sigma.
        fps: of the videos that it is trained on.
    """

    def __init__(self, recipe: Recipe, network: "GenTron", fps: float = 8.0) -> None:
        super().__init__()
        model = recipe.network
        assert model.video
        assert not model.learned_sigma
        self.recipe, self.network, self.fps = recipe, network, fps / recipe.stride
        self.frames, (_, self.height, self.width) = model.grid[0], recipe.autoencoder.grid
        self.autoencoder = ImageAutoencoder(recipe.autoencoder)
        (clip_channels, t5_channels), (clip_tokens, t5_tokens) = model.text_channels, model.text_tokens
        self.clip = WordEncoder(clip_channels, model.pooled_channels, length=clip_tokens)
        self.t5 = WordEncoder(t5_channels, 1, length=t5_tokens)  # whose pooled vector is not used
        with torch.device("cpu"):  # where schedules are, whatever the network is on
            self.schedule = DiscreteSchedule(linear_betas())

    def phases(self) -> list[Phase]:
        """The autoencoder; images, without temporal layers; then clips, with them: all of the transformer."""
        network = ("network", "clip", "t5")
        autoencoder = self._phase("autoencoder", ("autoencoder",), self.autoencoder_loss)
        return [
            replace(autoencoder, begin=self.autoencoder.forget_),
            self._phase("images", network, self.loss_of_images),
            self._phase("clips", network, self.loss_of_clips),
        ]

    def autoencoder_loss(self, step: Step) -> Tensor:
        """Of images, whose latents are what everything else works on."""
        return autoencoder_loss(self.autoencoder, self._images(step), step.generator)

    def loss_of_images(self, step: Step) -> Tensor:
        """Of the image model. The latents are measured before the first step."""
        if step.number == 0 and not self.autoencoder.measured:
            self.autoencoder.measure_([self._images(step, MEASURED)])
        images = step.images(height=self.height, width=self.width)
        return self._loss(step, images.video_bcthw, images.captions, None, temporal=False)

    def loss_of_clips(self, step: Step) -> Tensor:
        """Of the video model: some clips, at random, are "motion-free", images repeated in a mask of the identity."""
        still_b = torch.rand(step.batch, generator=step.generator) < self.recipe.motion_free
        moving, still = int((~still_b).sum()), int(still_b.sum())
        parts: list[Tensor] = []
        captions: tuple[str, ...] = ()
        if moving:
            grid, stride = {"frames": self.frames, "height": self.height, "width": self.width}, self.recipe.stride
            clips = step.clips(moving, **grid, stride=stride)
            parts, captions = [clips.video_bcthw], clips.captions
        if still:
            images = step.images(still, height=self.height, width=self.width)
            parts, captions = [*parts, still_clip(images.video_bcthw, self.frames)], captions + images.captions
        video_bcthw = torch.cat(parts)
        moving_b = torch.arange(len(video_bcthw), device=video_bcthw.device) < moving
        return self._loss(step, video_bcthw, captions, motion_masks(moving_b, self.frames), temporal=True)

    @torch.no_grad()
    def sample(
        self, captions: Sequence[str], noise_seeds: Sequence[int], options: Sampling, advance: Advance
    ) -> Iterator[Tensor]:
        """One clip a caption, all frames at once; see ``Pipeline``. ``options.guidance`` is l_T."""
        device = next(self.parameters()).device
        noise, steps = Noise(noise_seeds), options.steps_or(self.recipe.sampling_steps)
        model = self.recipe.network
        z = noise.like(torch.empty(len(captions), model.channels, *model.grid, device=device))
        denoise = self._denoiser(captions, options, device)
        latents = sample(denoise, z, self.schedule, steps, Ddim(), noise, counted(advance, steps))
        yield from map(to_frames, self.autoencoder.decode_slices(latents, AT_ONCE))

    def _phase(self, name: str, trains: Sequence[str], loss_of: Callable[[Step], Tensor]) -> Phase:
        return self.recipe.plans[name].phase(name, trains, loss_of, self.recipe.ema)

    def _images(self, step: Step, count: int | None = None) -> Tensor:
        """Pixels of images alone."""
        return step.images(count, height=self.height, width=self.width).video_bcthw

    def _loss(
        self, step: Step, video_bcthw: Tensor, captions: Sequence[str], frame_mask: Tensor | None, *, temporal: bool
    ) -> Tensor:
        """Squared error of the target at a random step; some captions, at random, are left out."""
        with torch.no_grad():
            x = self.autoencoder.encode(video_bcthw)
        eps, level = step.noise(x), self.schedule.draw(len(x), step.generator).on(x.device)
        keep_b = torch.rand(len(x), generator=step.generator) >= self.recipe.unconditional
        read, nothing = self._read(captions), self._nothing(len(x))
        text = Captions(*(dropped(a, b, keep_b) for a, b in zip(read, nothing, strict=True)))
        found = self._called(level.noised(x, eps), level, text, frame_mask, temporal=temporal)
        return loss(self.recipe.target, found, x, eps, level).mean()

    def _denoiser(self, captions: Sequence[str], options: Sampling, device: torch.device) -> Denoise:
        """With text and motion, with motion alone, with neither: in one batch, for ``motion_guided``."""
        recipe, batch = self.recipe, len(captions)
        scale = options.guidance_or(recipe.text_scale)
        text = self._read(captions)
        moving_b = torch.full((batch,), options.temporal, device=device)
        guided = (scale, recipe.motion_scale) != (1, 1)
        if guided:
            nothing = self._nothing(2 * batch)
            text = Captions(*(joined(a, b) for a, b in zip(text, nothing, strict=True)))
            moving_b = torch.cat([moving_b, moving_b, torch.zeros_like(moving_b)])
        frame_mask = motion_masks(moving_b, self.frames)

        def call(z: Tensor, level: Level) -> Tensor:
            return self._called(z, level, text, frame_mask, temporal=True)

        denoise = denoiser(call, recipe.target)
        return motion_guided(denoise, scale, recipe.motion_scale) if guided else denoise

    def _called(self, z: Tensor, level: Level, text: Captions, frame_mask: Tensor | None, *, temporal: bool) -> Tensor:
        clip, t5 = text
        found: Tensor = self.network(
            z,
            level.told_b,
            clip.tokens_bnc,
            t5.tokens_bnc,
            clip.pooled_bc,
            clip.mask_bn,
            t5.mask_bn,
            frame_mask,
            temporal=temporal,
        )
        return found

    def _read(self, captions: Sequence[str]) -> Captions:
        return Captions(self.clip(captions), self.t5(captions))

    def _nothing(self, batch: int) -> Captions:
        return Captions(self.clip.nothing(batch), self.t5.nothing(batch))
