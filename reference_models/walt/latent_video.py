"""Both stages of W.A.L.T trained and sampled: an autoencoder, then a transformer on its latents (section 3)."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vidgauge.errors import UsageError
from vidgauge.reference_models.autoencoders.causal import CausalAutoencoder
from vidgauge.reference_models.autoencoders.objective import autoencoder_loss
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
from vidgauge.reference_models.folding import apart, packed
from vidgauge.reference_models.pipeline import Advance, Clips, Phase, Pipeline, Sampling, Step, counted, to_frames
from vidgauge.reference_models.text import Text, WordEncoder, dropped
from vidgauge.reference_models.text.encoder import joined
from vidgauge.reference_models.walt.conditioning import beside, first_frames
from vidgauge.reference_models.walt.recipes import Recipe

if TYPE_CHECKING:
    from vidgauge.reference_models.systems.walt import Walt

MEASURED = 64
"""Videos from which mean and deviation of the latents' channels are taken, about so many."""
KNOWN = 2
"""Latent frames that a longer video goes on from: the last 5 frames (section 3.4)."""


class LatentVideo(Pipeline):
    """Text to 1 + 4 t frames, of which all but the last come out, so that there are as many as of other systems.

    Args:
        recipe: one of ``walt.recipes``.
        network: its transformer.
        fps: of the videos that it is trained on, and so of those that come out.
    """

    def __init__(self, recipe: Recipe, network: "Walt", fps: float = 8.0) -> None:
        super().__init__()
        self.recipe, self.network, self.fps = recipe, network, fps
        self.autoencoder = CausalAutoencoder(recipe.autoencoder)
        self.text = WordEncoder(recipe.network.text_channels, layers=recipe.text_layers)
        self.length, self.height, self.width = recipe.autoencoder.grid
        self.frames = self.length - 1
        with torch.device("cpu"):
            self.schedule = DiscreteSchedule(zero_terminal_snr(linear_betas()))

    def phases(self) -> list[Phase]:
        """The autoencoder, then the transformer on latents of an autoencoder that stays as it is."""
        recipe = self.recipe
        return [
            Phase(
                name="autoencoder",
                trains=("autoencoder",),
                loss=self.autoencoder_loss,
                steps=recipe.autoencoder_steps,
                batch=recipe.autoencoder_batch,
                learning_rate=recipe.autoencoder_learning_rate,
                decay="cosine",
                ema=recipe.ema,
            ),
            Phase(
                name="transformer",
                trains=("network", "text"),
                loss=self.loss,
                steps=recipe.steps,
                batch=recipe.batch,
                learning_rate=recipe.learning_rate,
                decay="cosine",
                ema=recipe.ema,
            ),
        ]

    def autoencoder_loss(self, step: Step) -> Tensor:
        """Section 3.1, without the adversary and the perceptual loss: Moving Shapes needs neither (ours)."""
        return autoencoder_loss(self.autoencoder, self._clips(step).video_bcthw, step.generator)

    def loss(self, step: Step) -> Tensor:
        """Of v, on videos and stacks of images in one batch. The latents are measured before the first step."""
        if step.number == 0:
            self._measure(step)
        x, text = self._drawn(step)
        eps, level = step.noise(x), self.schedule.draw(len(x), step.generator).on(x.device)
        z, frames = level.noised(x, eps), x.shape[2]
        given_bt = first_frames(len(x) - self.recipe.stacks, frames, self.recipe.frame_prediction, step.generator)
        given_bt = torch.cat([given_bt, given_bt.new_zeros(self.recipe.stacks, frames)]).to(x.device)

        def called(estimated: Tensor | None) -> Tensor:
            more = beside(z, estimated, x, given_bt, prediction=True)
            found: Tensor = self.network(z, level.told_b, more, *text, images=self.recipe.stacks)
            return found

        own = None
        if torch.rand((), generator=step.generator).item() < self.recipe.self_conditioning:
            with torch.no_grad():
                own = estimate("v", called(None), z, level).x
        return loss("v", called(own), x, eps, level).mean()

    @torch.no_grad()
    def sample(
        self, captions: Sequence[str], noise_seeds: Sequence[int], options: Sampling, advance: Advance
    ) -> Iterator[Tensor]:
        """All frames at once. Without ``temporal``, each is an image, made and decoded for itself; see ``Pipeline``."""
        told = counted(advance, options.steps_or(self.recipe.sampling_steps))
        noise, text = Noise(noise_seeds), self.text(captions)
        if options.temporal:
            z = noise.like(self._empty(len(captions)))
            video = self.autoencoder.decode(self._sampled(z, text, noise, options, told))
            yield to_frames(video[:, :, : self.frames])
            return
        z = noise.like(self._empty(len(captions), self.frames))
        each = Text(*(x.repeat_interleave(self.frames, 0) for x in (text.tokens_bnc, text.mask_bn, text.pooled_bc)))
        images = self.autoencoder.decode(self._sampled(apart(z), each, noise, options, told, images=True))
        yield to_frames(packed(images, self.frames))

    @torch.no_grad()
    def extend(
        self,
        captions: Sequence[str],
        noise_seeds: Sequence[int],
        options: Sampling,
        advance: Advance,
        *,
        frames: int,
    ) -> Iterator[Tensor]:
        """Longer videos by frame prediction (section 3.4): the last 5 frames are encoded, and 12 more follow.

        Args:
            captions: as for ``sample``.
            noise_seeds: as for ``sample``.
            options: as for ``sample``; frames are always made together.
            advance: as for ``sample``.
            frames: of the whole video.

        Yields:
            What each call of the sampler adds: uint8 (B, t, H, W, 3).

        Raises:
            UsageError: for fewer frames than one call gives.
        """
        time = self.recipe.autoencoder.factors[0]
        overlap = 1 + (KNOWN - 1) * time
        if frames < self.length:
            raise UsageError(f"{frames} frames asked for, but the model makes {self.length} at once; ask for as many")
        calls = 1 - (self.length - frames) // (self.length - overlap)
        told = counted(advance, calls * options.steps_or(self.recipe.sampling_steps))
        noise, text = Noise(noise_seeds), self.text(captions)
        video = self.autoencoder.decode(
            self._sampled(noise.like(self._empty(len(captions))), text, noise, options, told)
        )
        yield to_frames(video)
        made = self.length
        while made < frames:
            known = self.autoencoder.encode(video[:, :, -overlap:].clamp(-1, 1))
            z = noise.like(self._empty(len(captions)))
            latents = self._sampled(z, text, noise, options, told, known=known)
            video = self.autoencoder.decode(latents)
            added = video[:, :, overlap:][:, :, : frames - made]
            made += added.shape[2]
            yield to_frames(added)

    def _sampled(
        self,
        z: Tensor,
        text: Text,
        noise: Noise,
        options: Sampling,
        told: Callable[[], object],
        *,
        known: Tensor | None = None,
        images: bool = False,
    ) -> Tensor:
        """Latents by DDIM; the first ones are ``known`` where those are given."""
        steps = options.steps_or(self.recipe.sampling_steps)
        scale = options.guidance_or(self.recipe.guidance)
        denoise = self._denoiser(z, text, scale, known, images=images)
        return sample(denoise, z, self.schedule, steps, Ddim(), noise, told)

    def _denoiser(self, z: Tensor, text: Text, scale: float, known: Tensor | None, *, images: bool) -> Denoise:
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
            text = joined(text, self.text.nothing(len(text)))
            given_bt, whole = torch.cat([given_bt, torch.zeros_like(given_bt)]), torch.cat([whole, whole])
        before: Tensor | None = None

        def call(rows: Tensor, level: Level) -> Tensor:
            own = None if before is None else before.repeat(len(rows) // len(before), 1, 1, 1, 1)
            more = beside(rows, own, whole, given_bt, prediction=True)
            told = level.told_b, more, text.tokens_bnc, text.mask_bn
            found: Tensor = self.network(rows, *told, images=len(rows) if images else 0)
            return found

        model = denoiser(call, "v")
        if guides:
            model = guided_together(model, scale)

        def remembering(rows: Tensor, level: Level) -> Estimate:
            nonlocal before
            found = model(rows, level)
            before = found.x
            return found

        return remembering

    def _drawn(self, step: Step) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Latents of videos, then of stacks of images; and the words of each frame, some captions left out."""
        stacks, grid = self.recipe.stacks, self.recipe.network.grid
        clips = self._clips(step)
        images = step.images(stacks * grid[0], height=self.height, width=self.width)
        with torch.no_grad():
            x = self.autoencoder.encode(clips.video_bcthw)
            alone = self.autoencoder.encode(images.video_bcthw)
        x = torch.cat([x, packed(alone, grid[0])])
        captions = clips.captions + images.captions
        keep_b = torch.rand(len(captions), generator=step.generator) >= self.recipe.unconditional
        text = dropped(self.text(captions), self.text.nothing(len(captions)), keep_b)
        words, mask = (_of_frames(part, len(clips.captions), grid[0]) for part in (text.tokens_bnc, text.mask_bn))
        return x, (words, mask)

    def _measure(self, step: Step) -> None:
        """Fit the normalisation to latents of what is trained on."""
        batches = range(-(-MEASURED // step.batch))
        self.autoencoder.measure_(self._clips(step).video_bcthw for _ in batches)

    def _clips(self, step: Step) -> Clips:
        return step.clips(frames=self.length, height=self.height, width=self.width)

    def _empty(self, batch: int, frames: int | None = None) -> Tensor:
        """Of the latents' shape, where the weights are."""
        time, height, width = self.recipe.network.grid
        like = self.network.time
        return like.new_empty(batch, self.recipe.network.channels, frames or time, height, width)


def _of_frames(of_captions: Tensor, clips: int, frames: int) -> Tensor:
    """(clips + stacks x T, ...) to (clips + stacks, T, ...): a video's caption is that of each of its frames."""
    videos, images = of_captions[:clips], of_captions[clips:]
    same = videos[:, None].expand(-1, frames, *videos.shape[1:])
    return torch.cat([same, images.reshape(-1, frames, *images.shape[1:])])
