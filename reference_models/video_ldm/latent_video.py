"""Align your Latents trained and sampled: an image model taught time, a decoder likewise, and frames between frames.

The phases are the paper's, in its order. Tiny systems have no upscaler.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vidgauge.reference_models.autoencoders.discriminator import PatchDiscriminator
from vidgauge.reference_models.autoencoders.objective import autoencoder_loss, decoder_loss
from vidgauge.reference_models.autoencoders.temporal_decoder import VideoAutoencoder
from vidgauge.reference_models.diffusion import (
    Ddim,
    DiscreteSchedule,
    Level,
    Noise,
    denoiser,
    guided_together,
    loss,
    sample,
    scaled_linear_betas,
)
from vidgauge.reference_models.pipeline import Advance, Clips, Phase, Pipeline, Sampling, Step, counted, to_frames
from vidgauge.reference_models.text import Text, WordEncoder, dropped
from vidgauge.reference_models.text.encoder import joined
from vidgauge.reference_models.video_ldm.given import Call
from vidgauge.reference_models.video_ldm.masks import conditioning, interpolated, key_frames
from vidgauge.reference_models.video_ldm.recipes import Recipe
from vidgauge.reference_models.video_ldm.upscaling import Upscaling
from vidgauge.reference_models.video_ldm.weights import (
    image_modules,
    image_weights,
    take_image_weights,
    temporal_modules,
)

if TYPE_CHECKING:
    from vidgauge.reference_models.systems.video_ldm import MaskedVideoLdm, VideoLdm

AT_ONCE = 16
"""Frames that are decoded together."""
MEASURED = 256
"""Images from which mean and deviation of the latents' channels are taken, about so many."""
IMAGE_HALF = ("autoencoder.encoder", "autoencoder.moments", "autoencoder.unfolding", "autoencoder.decoder")
"""The autoencoder of images; ``autoencoder.temporal`` is what it is taught later."""


class LatentVideo(Pipeline):
    """Text to key frames, and from those to all frames.

    Our own text encoders stand where the paper has one CLIP: the image model's, trained with it and then as frozen as
    the rest of it, and the temporal layers', for images do not teach the words that motion has.

    Args:
        recipe: one of ``video_ldm.recipes``.
        keys: the model of key frames.
        between: the model of interpolation.
        upscaling: the last stage, where there is one.
        fps: of the videos that it is trained on, and so of those that come out.
    """

    def __init__(
        self,
        recipe: Recipe,
        keys: "VideoLdm",
        between: "MaskedVideoLdm",
        upscaling: Upscaling | None = None,
        fps: float = 8.0,
    ) -> None:
        super().__init__()
        self.recipe, self.keys, self.between, self.fps = recipe, keys, between, fps
        self.autoencoder = VideoAutoencoder(recipe.autoencoder)
        self.discriminator = PatchDiscriminator(recipe.discriminator, layers=2)
        self.text, self.time_text = (WordEncoder(recipe.network.text_channels) for _ in range(2))
        self.upscaling = upscaling
        self.frames = recipe.frames
        large = (recipe if recipe.upscaling is None else recipe.upscaling).autoencoder
        _, self.height, self.width = large.grid
        with torch.device("cpu"):
            self.schedule = DiscreteSchedule(scaled_linear_betas())

    def phases(self) -> list[Phase]:
        """Images, encoded and modelled; then time: in the model of key frames, in the decoder, between key frames.

        The upscaler, where there is one, goes the same way after them.
        """
        image = [f"keys.{name}" for name in image_modules(self.keys)]
        temporal = [f"keys.{name}" for name in temporal_modules(self.keys)]
        autoencoder = self._phase("autoencoder", IMAGE_HALF, self.autoencoder_loss)
        between = self._phase("interpolation", ("between",), self.interpolation_loss)
        return [
            replace(autoencoder, begin=self.autoencoder.forget_),
            self._phase("images", [*image, "text"], self.image_loss),
            self._phase("temporal layers", [*temporal, "time_text"], self.key_loss),
            self._phase("decoder", ("autoencoder.temporal", "discriminator"), self.decoder_loss),
            replace(between, begin=self._begin_interpolation),
            *self._upscaler_phases(),
        ]

    def _upscaler_phases(self) -> list[Phase]:
        """Autoencoder, image model, temporal layers, with the text encoder of the image model as it is."""
        if (up := self.upscaling) is None:
            return []

        def loss_of(*, temporal: bool) -> Callable[[Step], Tensor]:
            return lambda step: up.loss(step, self._words, temporal=temporal)

        image = [f"upscaling.network.{name}" for name in image_modules(up.network)]
        temporal = [f"upscaling.network.{name}" for name in temporal_modules(up.network)]
        autoencoder = self._phase("upscaler autoencoder", ["upscaling.autoencoder"], up.autoencoder_loss)
        return [
            replace(autoencoder, begin=up.autoencoder.forget_),
            self._phase("upscaler images", image, loss_of(temporal=False)),
            self._phase("upscaler temporal layers", temporal, loss_of(temporal=True)),
        ]

    def autoencoder_loss(self, step: Step) -> Tensor:
        """Of images, whose latents are what everything else works on."""
        return autoencoder_loss(self.autoencoder, self._clips(step).video_bcthw, step.generator)

    def image_loss(self, step: Step) -> Tensor:
        """Equation 1: of the image model. The latents are measured before the first step."""
        if step.number == 0 and not self.autoencoder.measured:
            self.autoencoder.measure_([self._clips(step, count=MEASURED).video_bcthw])
        images = self._clips(step)
        return self._loss(step, images.video_bcthw, images.captions, temporal=False)

    def key_loss(self, step: Step) -> Tensor:
        """Equation 2: of the temporal layers, with the image model as it is."""
        clips = self._clips(step, self.recipe.keys, stride=self.recipe.every)
        return self._loss(step, clips.video_bcthw, clips.captions, temporal=True)

    def decoder_loss(self, step: Step) -> Tensor:
        """Section 3.1.1: of temporal layers in the decoder, which a discriminator of 3-D convolutions judges."""
        clips = self._clips(step, self.frames)
        return decoder_loss(self.autoencoder, clips.video_bcthw, step.generator, discriminator=self.discriminator)

    def interpolation_loss(self, step: Step) -> Tensor:
        """Section 3.2: of all frames from a key frame to the next, given these two with some noise."""
        clips = self._clips(step, self.recipe.every + 1)
        with torch.no_grad():
            x = self.autoencoder.encode(clips.video_bcthw)
        drawn = torch.randint(self.recipe.noised + 1, (len(x),), generator=step.generator)
        known = self.schedule.level(drawn - 1).on(x.device).noised(x, step.noise(x))  # step -1 has no noise
        eps, level = step.noise(x), self.schedule.draw(len(x), step.generator).on(x.device)
        text, call = self._words(clips.captions, step)
        context = conditioning(known, key_frames(len(x), x.shape[2], self.recipe.every).to(x.device))
        found = self.between(level.noised(x, eps), level.told_b, text.tokens_bnc, context, None, call)
        return loss(self.recipe.target, found, x, eps, level).mean()

    @torch.no_grad()
    def sample(
        self, captions: Sequence[str], noise_seeds: Sequence[int], options: Sampling, advance: Advance
    ) -> Iterator[Tensor]:
        """All frames at once, decoded a few at a time; see ``Pipeline``.

        Without ``temporal``, each is an image, made, decoded and upscaled for itself.
        """
        noise = Noise(noise_seeds)
        told = counted(advance, self._steps(options))
        if options.temporal:
            latents = self._video_latents(captions, noise, options, told)[:, :, : self.frames]
            parts = self.autoencoder.decode_slices(latents, AT_ONCE)
        else:
            z = self._sampled(noise.like(self._empty(len(captions), self.frames)), captions, options, told)
            parts = iter([self.autoencoder.reconstruct_frames(self.autoencoder.normalisation.undone(z))])
        if self.upscaling is not None:
            text = self.text(captions)
            call = Call(text.mask_bn, time_text_bnc=self.time_text(captions).tokens_bnc, temporal=options.temporal)
            small, steps = torch.cat([*parts], 2).clamp(-1, 1), options.steps_or(self.upscaling.recipe.sampling_steps)
            parts = self.upscaling.sampled(small, text, call, noise, steps, told)
        yield from map(to_frames, parts)

    def _steps(self, options: Sampling) -> int:
        """Of all stages."""
        steps = (2 if options.temporal else 1) * options.steps_or(self.recipe.sampling_steps)
        return steps if self.upscaling is None else steps + options.steps_or(self.upscaling.recipe.sampling_steps)

    def _video_latents(
        self, captions: Sequence[str], noise: Noise, options: Sampling, told: Callable[[], object]
    ) -> Tensor:
        """Key frames, and those between them."""
        keys = self._sampled(noise.like(self._empty(len(captions), self.recipe.keys)), captions, options, told)

        def make(context_bcthw: Tensor) -> Tensor:
            gaps, frames = len(context_bcthw) // len(captions), context_bcthw.shape[2]
            z = noise.like(self._empty(len(captions), gaps * frames))
            z = z.view(*z.shape[:2], gaps, frames, *z.shape[3:]).transpose(1, 2).flatten(0, 1)
            of_gaps = [caption for caption in captions for _ in range(gaps)]
            return self._sampled(z, of_gaps, options, told, context_bcthw)

        return interpolated(keys, make, self.recipe.every)

    def _sampled(
        self,
        z: Tensor,
        captions: Sequence[str],
        options: Sampling,
        told: Callable[[], object],
        context_bcthw: Tensor | None = None,
    ) -> Tensor:
        """Latents by DDIM: key frames or, with c_S, those between them."""
        scale = options.guidance_or(self.recipe.guidance)
        steps = options.steps_or(self.recipe.sampling_steps)
        text, time_text = self.text(captions), self.time_text(captions)
        if scale != 1:
            text = joined(text, self.text.nothing(len(text)))
            time_text = joined(time_text, self.time_text.nothing(len(time_text)))
        call = Call(text.mask_bn, time_text_bnc=time_text.tokens_bnc, temporal=options.temporal)

        def network(z: Tensor, level: Level) -> Tensor:
            found: Tensor
            if context_bcthw is None:
                found = self.keys(z, level.told_b, text.tokens_bnc, call)
            else:
                context = context_bcthw.repeat(len(z) // len(context_bcthw), 1, 1, 1, 1)
                found = self.between(z, level.told_b, text.tokens_bnc, context, None, call)
            return found

        denoise = denoiser(network, self.recipe.target)
        if scale != 1:
            denoise = guided_together(denoise, scale)
        return sample(denoise, z, self.schedule, steps, Ddim(), Noise([]), told)  # DDIM draws no noise

    def _loss(self, step: Step, video_bcthw: Tensor, captions: Sequence[str], *, temporal: bool) -> Tensor:
        """Squared error of the target at a random step."""
        with torch.no_grad():
            x = self.autoencoder.encode(video_bcthw)
        eps, level = step.noise(x), self.schedule.draw(len(x), step.generator).on(x.device)
        text, call = self._words(captions, step, temporal=temporal)
        found = self.keys(level.noised(x, eps), level.told_b, text.tokens_bnc, call)
        return loss(self.recipe.target, found, x, eps, level).mean()

    def _words(self, captions: Sequence[str], step: Step, *, temporal: bool = True) -> tuple[Text, Call]:
        """What both kinds of layers read; some captions, at random, are left out."""
        keep_b = torch.rand(len(captions), generator=step.generator) >= self.recipe.unconditional
        text, time_text = (
            dropped(encoder(captions), encoder.nothing(len(captions)), keep_b)
            for encoder in (self.text, self.time_text)
        )
        return text, Call(text.mask_bn, time_text_bnc=time_text.tokens_bnc, temporal=temporal)

    @torch.no_grad()
    def _begin_interpolation(self) -> None:
        """From the image model, and from the temporal layers of key frames where it has the same (ours)."""
        take_image_weights(self.between, image_weights(self.keys))
        own, given = self.between.state_dict(), self.keys.state_dict()
        for name in own.keys() & given.keys():
            own[name].copy_(given[name])

    def _phase(self, name: str, trains: Sequence[str], loss_of: Callable[[Step], Tensor]) -> Phase:
        return self.recipe.plans[name].phase(name, trains, loss_of, self.recipe.ema)

    def _clips(self, step: Step, frames: int = 1, *, count: int | None = None, stride: int = 1) -> Clips:
        """Training clips, or images, as large as the autoencoder takes them: before the upscaler."""
        _, height, width = self.recipe.autoencoder.grid
        return step.clips(count, frames=frames, height=height, width=width, stride=stride)

    def _empty(self, batch: int, frames: int) -> Tensor:
        """Of the latents' shape, where the weights are."""
        size = self.recipe.network
        return next(self.keys.parameters()).new_empty(batch, size.channels, frames, *size.grid[1:])
