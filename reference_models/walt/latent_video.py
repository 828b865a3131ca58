"""W.A.L.T trained and sampled: an autoencoder, a transformer on its latents, super-resolution after it (section 3)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from vidgauge.errors import UsageError
from vidgauge.reference_models.autoencoders.causal import CausalAutoencoder
from vidgauge.reference_models.autoencoders.objective import autoencoder_loss
from vidgauge.reference_models.diffusion import Noise
from vidgauge.reference_models.folding import apart, packed
from vidgauge.reference_models.pipeline import Advance, Clips, Phase, Pipeline, Sampling, Step, counted, to_frames
from vidgauge.reference_models.resizing import resized
from vidgauge.reference_models.walt.captions import Classes, Condition, Words, for_each_frame, left_out, of_frames
from vidgauge.reference_models.walt.recipes import Recipe
from vidgauge.reference_models.walt.stage import Stage

if TYPE_CHECKING:
    from vidgauge.reference_models.systems.walt import Walt

MEASURED = 64
"""Videos from which mean and deviation of the latents' channels are taken, about so many of each size."""
AT_ONCE = 8
"""Latent frames that are decoded together."""
KNOWN = 2
"""Latent frames that a longer video goes on from: the last 5 frames (section 3.4)."""


class LatentVideo(Pipeline):
    """Text to 1 + 4 t frames, of which all but the last come out, so that there are as many as of other systems.

    One autoencoder does for all sizes, of which it sees one after the other in training (ours; the paper
    trains it once more for each).

    Args:
        recipe: one of ``walt.recipes``.
        networks: the transformers of its stages.
        fps: of the videos that it is trained on, and so of those that come out.
    """

    def __init__(self, recipe: Recipe, networks: "Sequence[Walt]", fps: float = 8.0) -> None:
        super().__init__()
        self.recipe, self.fps = recipe, fps
        self.autoencoder = CausalAutoencoder(recipe.autoencoder)
        first = recipe.stages[0].network
        self.text = Classes(recipe.class_names) if first.classes else Words(first.text_channels, recipe.text_layers)
        self.stages = nn.ModuleList(map(Stage, recipe.stages, networks))
        self.length = recipe.autoencoder.grid[0]
        self.frames, (self.height, self.width) = self.length - 1, self._size(len(recipe.stages) - 1)

    def phases(self) -> list[Phase]:
        """The autoencoder, then transformers on latents of an autoencoder that stays as it is."""
        recipe = self.recipe
        first = recipe.autoencoder_plan.phase("autoencoder", ["autoencoder"], self.autoencoder_loss, recipe.ema)
        phases = [replace(first, begin=self.autoencoder.forget_)]
        for number, stage in enumerate(recipe.stages):
            name = f"super-resolution {number}" if number else "transformer"
            trains = ["stages.0", "text"] if number == 0 else [f"stages.{number}"]
            phases.append(stage.plan.phase(name, trains, self._loss_of(number), recipe.ema))
        return phases

    def autoencoder_loss(self, step: Step) -> Tensor:
        """Section 3.1, without the adversary and the perceptual loss: Moving Shapes needs neither (ours)."""
        clips = self._clips(step, step.number % len(self.stages))
        return autoencoder_loss(self.autoencoder, clips.video_bcthw, step.generator)

    def loss(self, step: Step, number: int = 0) -> Tensor:
        """Of a stage. The latents are measured before the first step of the first one."""
        if step.number == 0 and not self.autoencoder.measured:
            self._measure(step)
        clips, images, condition = self._drawn(step, number)
        low = self._encoded(clips, images, number - 1) if number else None
        stage = self._stage(number)
        return stage.loss(step, self._encoded(clips, images, number), condition, low)

    @torch.no_grad()
    def sample(
        self, captions: Sequence[str], noise_seeds: Sequence[int], options: Sampling, advance: Advance
    ) -> Iterator[Tensor]:
        """All frames are made at once, and decoded a few at a time; see ``Pipeline``.

        Without ``temporal``, each is an image, made and decoded for itself.
        """
        told = counted(advance, self._steps(options))
        *_, latents = self._sampled(captions, Noise(noise_seeds), options, told)
        if not options.temporal:
            yield to_frames(packed(self.autoencoder.decode(latents), self.frames))
            return
        left = self.frames
        for part in self.autoencoder.decode_slices(latents, AT_ONCE):
            yield to_frames(part[:, :, :left])
            left -= part.shape[2]

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

        Super-resolution sees each 17 frames for themselves (not stated; ours).

        Args:
            captions: as for ``sample``.
            noise_seeds: as for ``sample``.
            options: as for ``sample``; frames are always made together.
            advance: as for ``sample``.
            frames: of the whole video.

        Yields:
            What each call of the samplers adds: uint8 (B, t, H, W, 3).

        Raises:
            UsageError: for fewer frames than one call gives, or where the model takes no frames to go on from.
        """
        overlap = 1 + (KNOWN - 1) * self.recipe.autoencoder.factors[0]
        if not self.recipe.stages[0].network.prediction:
            raise UsageError("this system was not trained to go on from frames; take one with frame prediction")
        if frames < self.length:
            raise UsageError(f"{frames} frames asked for, but the model makes {self.length} at once; ask for as many")
        calls = 1 - (self.length - frames) // (self.length - overlap)
        told, noise = counted(advance, calls * self._steps(options)), Noise(noise_seeds)
        made, known = 0, None
        while made < frames:
            latents = self._sampled(captions, noise, options, told, known)
            small = self.autoencoder.decode(latents[0])
            video = small if len(latents) == 1 else self.autoencoder.decode(latents[-1])
            added = video[:, :, overlap if made else 0 :][:, :, : frames - made]
            yield to_frames(added)
            made += added.shape[2]
            known = self.autoencoder.encode(small[:, :, -overlap:].clamp(-1, 1))

    def _sampled(
        self,
        captions: Sequence[str],
        noise: Noise,
        options: Sampling,
        told: Callable[[], object],
        known: Tensor | None = None,
    ) -> list[Tensor]:
        """Latents of each stage, the first ones ``known`` where those are given; of images without ``temporal``."""
        condition, images = self.text(captions), not options.temporal
        if images:
            condition = for_each_frame(condition, self.frames)
        nothing, latents = self.text.nothing(len(condition[0])), list[Tensor]()

        def drawn(number: int) -> Tensor:
            z = noise.like(self._empty(number, len(captions), self.frames if images else None))
            return apart(z) if images else z

        for number in range(len(self.stages)):
            low = (latents[-1], drawn(number - 1)) if latents else None
            made = self._stage(number).sampled(
                drawn(number), condition, nothing, options, told, known=known, low=low, images=images
            )
            latents.append(made)
            known = None
        return latents

    def _loss_of(self, number: int) -> Callable[[Step], Tensor]:
        return lambda step: self.loss(step, number)

    def _stage(self, number: int) -> Stage:
        return cast("Stage", self.stages[number])

    def _steps(self, options: Sampling) -> int:
        """Of all stages."""
        return sum(options.steps_or(stage.sampling_steps) for stage in self.recipe.stages)

    def _drawn(self, step: Step, number: int) -> tuple[Tensor, Tensor | None, Condition]:
        """Videos at a stage's size, then stacks of images; and captions of each frame, some left out."""
        stacks, frames = self.recipe.stages[number].stacks, self.recipe.stages[number].network.grid[0]
        clips, (height, width) = self._clips(step, number), self._size(number)
        captions, images = clips.captions, None
        if stacks:
            drawn = step.images(stacks * frames, height=height, width=width)
            captions, images = captions + drawn.captions, drawn.video_bcthw
        keep_b = torch.rand(len(captions), generator=step.generator) >= self.recipe.unconditional
        condition = left_out(self.text(captions), self.text.nothing(len(captions)), keep_b)
        return clips.video_bcthw, images, of_frames(condition, len(clips.captions), frames)

    @torch.no_grad()
    def _encoded(self, clips: Tensor, images: Tensor | None, number: int) -> Tensor:
        """Latents at the size of a stage: of videos, then of stacks of images."""
        x = self.autoencoder.encode(resized(clips, *self._size(number)))
        if images is None:
            return x
        alone = self.autoencoder.encode(resized(images, *self._size(number)))
        return torch.cat([x, packed(alone, x.shape[2])])

    def _measure(self, step: Step) -> None:
        """Fit the normalisation to latents of what is trained on, of all sizes alike."""
        drawn = [number for number in range(len(self.stages)) for _ in range(-(-MEASURED // step.batch))]
        self.autoencoder.measure_(self._clips(step, number).video_bcthw for number in drawn)

    def _clips(self, step: Step, number: int) -> Clips:
        height, width = self._size(number)
        return step.clips(frames=self.length, height=height, width=width)

    def _size(self, number: int) -> tuple[int, int]:
        """Height and width of a stage's videos."""
        (_, height, width), (_, down, across) = self.recipe.stages[number].network.grid, self.recipe.autoencoder.factors
        return height * down, width * across

    def _empty(self, number: int, batch: int, frames: int | None) -> Tensor:
        """Of the shape of a stage's latents, where the weights are."""
        network = self.recipe.stages[number].network
        time, height, width = network.grid
        return next(self.autoencoder.parameters()).new_empty(batch, network.channels, frames or time, height, width)
