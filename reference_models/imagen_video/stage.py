"""One model of the cascade: how it is trained, and how it makes a video out of noise and of what came before it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.diffusion import (
    Ancestral,
    Augmentation,
    CosineSchedule,
    Ddim,
    Denoise,
    Level,
    Noise,
    Sampler,
    Space,
    denoiser,
    dynamically_thresholded,
    guided,
    loss,
    oscillating,
    sample,
)
from vidgauge.reference_models.folding import apart, packed
from vidgauge.reference_models.imagen_video.low_resolution import cropped, enlarged, reduced
from vidgauge.reference_models.imagen_video.tiles import Tiles
from vidgauge.reference_models.pipeline import Clips, Step
from vidgauge.reference_models.text import Text, TextEncoder, dropped

if TYPE_CHECKING:
    from vidgauge.reference_models.systems.imagen_video import ImagenVideoUNet

SCHEDULE = CosineSchedule()
"""Continuous time, log-SNR from -20 to 20 as in Video Diffusion Models."""
WITHOUT_TEXT = 0.1
"""Share of training clips whose caption is left out (Imagen's)."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is chosen for one model beside its network."""

    time: int = 1
    """Frames for each frame that it starts from."""
    space: int = 1
    """Rows for each row that it starts from, columns likewise."""
    steps: int = 128
    """Of sampling: 256 or 128 in the paper's table 1, 8 after distillation."""
    guidance: float | tuple[float, float] = 6.0
    """The scale s, or the high and the low one between which it oscillates."""
    gamma: float | None = None
    """Of the ancestral sampler; without it DDIM."""
    snr: float = 3.0
    """Of the low resolution when sampling: "3 or 5"."""
    lowest_log_snr: float = SCHEDULE.min_log_snr
    """Of the low resolution in training (not stated; Imagen's goes as far as noise alone)."""
    shared_noise: bool = False
    """Whether all frames start from the same noise when sampling. The paper does not say so; ours, for one too small
    to give moving frames a texture that stands still (Make-A-Video, arXiv 2209.14792, does it in its last one)."""
    blank: bool = False
    """Whether new frames of the low resolution are blank instead of repeated."""
    images: int = 0
    """Sequences of images in a training batch, beside the videos. None where frames are made in between:
    an image has nothing there."""
    crop: tuple[int, int] | None = None
    """Height and width of the crops that it is trained on; whole frames without it."""
    space_of_loss: Space = "v"
    """The paper states "eps", which is v weighted with alpha^2: next to nothing where noise is most. "v" is ours."""
    tile: Grid | None = None
    """T, H and W of the pieces that the network is applied to when sampling; all at once without it."""
    margin: Grid | None = None
    """Around each piece. Unless given it is all that the network sees, which changes nothing."""


@dataclass(frozen=True)
class Asked:
    """What all stages are asked to make."""

    text: Text
    null: Text
    noise: Noise
    temporal: bool
    """Whether frames see each other."""
    steps: int | None
    """In the place of the recipe's, as the next."""
    guidance: float | None
    advance: Callable[[], object]


@dataclass(frozen=True)
class Low:
    """What a stage starts from: resized and noised, and its log-SNR."""

    video_bcthw: Tensor
    told_b: Tensor


class Stage(nn.Module):
    """A network and its recipe.

    Args:
        network: made for the whole video's grid.
        recipe: how it is used.
        stride: how many frames of the cascade's video each of its frames stands for.
    """

    def __init__(self, network: "ImagenVideoUNet", recipe: Recipe, stride: int) -> None:
        super().__init__()
        self.network, self.recipe, self.stride = network, recipe, stride
        self.augmentation = Augmentation(recipe.snr, replace(SCHEDULE, min_log_snr=recipe.lowest_log_snr))

    @property
    def first(self) -> bool:
        """Whether it starts from text alone."""
        return self.recipe.time == self.recipe.space == 1

    def predict(
        self, z_bcthw: Tensor, level: Level, text: Text, low: Low | None, images_b: Tensor | None = None
    ) -> Tensor:
        """v, from one call of the network."""
        words = text.tokens_bnc, text.mask_bn, text.pooled_bc
        more = () if low is None else (low.video_bcthw, low.told_b)
        out: Tensor = self.network(z_bcthw, level.told_b, *words, *more, images_b=images_b)
        return out

    def loss(self, step: Step, encoder: TextEncoder) -> Tensor:
        """The mean over videos and over sequences of images, each as long as a video."""
        frames, height, width = self.network.grid
        clips = step.clips(frames=frames, height=height, width=width, stride=self.stride)
        total = self.losses(clips, encoder, step).sum()
        if self.recipe.images:
            pictures = step.images(self.recipe.images * frames, height=height, width=width)
            total = total + self.losses(pictures, encoder, step).sum() / frames
        return total / (len(clips.captions) + self.recipe.images)

    def losses(self, clips: Clips, encoder: TextEncoder, step: Step) -> Tensor:
        """One a clip or image: in z = alpha x + sigma eps, v = alpha eps - sigma x is to be found."""
        x = cropped(clips.video_bcthw, self.recipe.crop, self.recipe.space, step.generator)
        eps, level = step.noise(x), SCHEDULE.draw(len(x), step.generator)
        keep_b = torch.rand(len(x), generator=step.generator) >= WITHOUT_TEXT
        text = dropped(encoder(clips.captions), encoder.nothing(len(x)), keep_b)
        low = None if self.first else self.start_in_training(x, step)
        images = x.shape[2] == 1 < self.network.grid[0]
        predict = self.predict_images if images else self.predict
        return loss("v", predict(level.noised(x, eps), level, text, low), x, eps, level, self.recipe.space_of_loss)

    def predict_images(self, z_ncthw: Tensor, level: Level, text: Text, low: Low | None) -> Tensor:
        """Of images as clips of one frame: they are packed into sequences of the video's length for the network."""
        frames = self.network.grid[0]
        if low is not None:
            low = Low(packed(low.video_bcthw, frames), low.told_b)
        rows = packed(z_ncthw, frames)
        still_b = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
        return apart(self.predict(rows, level, text, low, still_b))

    def start_in_training(self, x: Tensor, step: Step) -> Low:
        """What the stage before would give for x, with noise of any level, which the network is told."""
        _, _, _, height, width = x.shape
        low = reduced(x, self.recipe.time, height // self.recipe.space, width // self.recipe.space)
        level = self.augmentation.draw(len(x), step.generator)
        return self._as_large(level.noised(low, step.noise(low)), level.told_b)

    def start(self, low_bcthw: Tensor, noise: Noise) -> Low:
        """What the stage before gave, with a little noise."""
        return self._as_large(*self.augmentation.sampling(low_bcthw, self._drawn(noise, low_bcthw)))

    def _drawn(self, noise: Noise, like: Tensor) -> Tensor:
        return noise.shared_frames(like) if self.recipe.shared_noise else noise.like(like)

    def _as_large(self, low: Tensor, told_b: Tensor) -> Low:
        height, width = (self.recipe.space * extent for extent in low.shape[-2:])
        return Low(enlarged(low, self.recipe.time, height, width, blank=self.recipe.blank), told_b)

    def sample(self, low_bcthw: Tensor | None, asked: Asked) -> Tensor:
        """The stage's video, from that of the stage before or, for the first, from text alone.

        Where the network is applied to tiles, the whole is held on the CPU.
        """
        device = asked.text.pooled_bc.device if self.recipe.tile is None else torch.device("cpu")
        low = None if low_bcthw is None else self.start(low_bcthw.to(device), asked.noise)
        shape = self.network.input_shape(len(asked.text)) if low is None else low.video_bcthw.shape
        z = self._drawn(asked.noise, asked.text.pooled_bc.new_empty(shape, device=device))
        steps = self.steps(asked.steps)
        denoise = self.denoise(low, asked, steps)
        return sample(denoise, z, SCHEDULE, steps, self.sampler(), asked.noise, asked.advance)

    def steps(self, chosen: int | None) -> int:
        """Of sampling: those that were chosen, or the recipe's."""
        return chosen or self.recipe.steps

    def sampler(self) -> Sampler:
        """Section 2.1."""
        return Ddim() if self.recipe.gamma is None else Ancestral(self.recipe.gamma)

    def denoise(self, low: Low | None, asked: Asked, steps: int) -> Denoise:
        """Guidance, and Imagen's dynamic thresholds after it."""
        conditional, unconditional = (
            self.network_denoise(text, low, asked.temporal) for text in (asked.text, asked.null)
        )
        return dynamically_thresholded(guided(conditional, unconditional, self.scale(asked.guidance, steps)))

    def scale(self, guidance: float | None, steps: int) -> float | Callable[[Level], float]:
        """Constant or oscillating; how many steps are high at first is not stated: ours, a tenth."""
        chosen = self.recipe.guidance if guidance is None else guidance
        return oscillating(*chosen, first=-(-steps // 10)) if isinstance(chosen, tuple) else chosen

    def network_denoise(self, text: Text, low: Low | None, temporal: bool) -> Denoise:
        """The network with a text, tile by tile where the recipe says so."""
        device = text.pooled_bc.device
        videos = [] if low is None else [low.video_bcthw]

        def call(z: Tensor, level: Level) -> Tensor:
            images_b = None if temporal else torch.ones(len(z), dtype=torch.bool, device=device)

            def network(z: Tensor, *start: Tensor) -> Tensor:
                shown = None if low is None else Low(start[0], low.told_b)
                return self.predict(z, level, text, shown, images_b)

            if self.recipe.tile is None:
                return network(z, *videos)
            margin = self.recipe.margin or self.network.size.reach()
            return Tiles(self.recipe.tile, margin).apply(network, [z, *videos], device)

        return denoiser(call, "v")
