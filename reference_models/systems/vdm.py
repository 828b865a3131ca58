"""Video Diffusion Models (Ho, Salimans, Gritsenko, Chan, Norouzi, Fleet, arXiv 2204.03458): a factorised 3-D U-Net.

What the paper leaves open is marked "not stated; ours". Its hyper-parameters are in ``vdm/hyperparameters.py``.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vidgauge.reference_models.diffusion import (
    Ancestral,
    CosineSchedule,
    Denoise,
    Langevin,
    Level,
    Noise,
    Sampler,
    denoiser,
    guided_together,
    loss,
    sample,
)
from vidgauge.reference_models.diffusion.thresholding import clipped
from vidgauge.reference_models.folding import fold_frames, unfold_frames
from vidgauge.reference_models.layers.spatial_attention import SpatialAttention
from vidgauge.reference_models.layers.temporal_attention import TemporalAttention
from vidgauge.reference_models.pattern import clip_and_images, itself
from vidgauge.reference_models.pipeline import Advance, Phase, Pipeline, Sampling, Step, counted, from_frames, to_frames
from vidgauge.reference_models.system import System
from vidgauge.reference_models.systems import PIPELINES, SYSTEMS, PipelinePreset, Preset, Stated
from vidgauge.reference_models.text import WordEncoder, dropped
from vidgauge.reference_models.unet.attending import Attending
from vidgauge.reference_models.unet.embedding import LOG_SNR_SCALE, Sinusoid, perceptron
from vidgauge.reference_models.unet.parts import SpatialParts
from vidgauge.reference_models.unet.residual import ResidualBlock
from vidgauge.reference_models.unet.skeleton import InTurn, UNet
from vidgauge.reference_models.vdm import hyperparameters
from vidgauge.reference_models.vdm.cascade import Cascade
from vidgauge.reference_models.vdm.conditional import Task, in_windows
from vidgauge.reference_models.vdm.hyperparameters import Hyperparameters


class Given(NamedTuple):
    """What one call hands to every block."""

    embedding_be: Tensor
    """(B, E), or (B, T, E) where frames have levels and captions of their own."""
    frame_mask: Tensor | None
    """(T, T) or (B, T, T) bool, True where a frame may see another; all see all without it."""


class VideoUNet(System):
    """The denoising network of section 3: eps or v of a clip, of images, or of a clip with images appended to it.

    The number of frames may be anything up to ``grid[0]`` and the joint images, height and width anything: time is
    never down-sampled, and only temporal attention sees more than one frame.

    Args:
        model: one of ``vdm.hyperparameters``.
    """

    takes = "video_bcthw"

    def __init__(self, model: Hyperparameters) -> None:
        super().__init__()
        self.model, self.grid, self.in_channels = model, model.grid, 3
        self.sinusoid = Sinusoid(model.embedding)
        self.embed = perceptron(model.embedding, model.embedding, model.embedding_layers)
        widths = [model.base * multiplier for multiplier in model.multipliers]
        self.unet = UNet((3, 3), widths, [model.blocks] * len(widths), Factorised(model))

    def forward(
        self,
        z_bcthw: Tensor,
        log_snr: Tensor,
        text: Tensor | None = None,
        frame_mask: Tensor | None = None,
    ) -> Tensor:
        """(B, 3, T, H, W) to the same, eps or v as the model was trained.

        Args:
            z_bcthw: noisy frames.
            log_snr: how noisy, lambda_t = log(alpha^2 / sigma^2): (B,), or (B, T) where images have their own.
            text: c, the caption as one vector of the embedding's width (in the paper BERT-large's 1024, pooled by
                attention): (B, E), or (B, T, E) where each frame has a level. Zeros, as without it, are the
                unconditional model of classifier-free guidance.
            frame_mask: which frames temporal attention may mix: ``clip_and_images(frames, images)`` for a clip with
                images appended, the identity for images alone.
        """
        self.split(z_bcthw.shape)
        told = self.sinusoid(LOG_SNR_SCALE * log_snr.flatten()).unflatten(0, log_snr.shape)
        if text is not None:
            told = told + text
        out: Tensor = self.unet(z_bcthw, Given(self.embed(told), frame_mask))
        return out

    def more_inputs(self, shape: Sequence[int], generator: torch.Generator) -> tuple[Tensor, ...]:
        """A log-SNR for each clip and, where the model takes captions, a caption."""
        log_snr_b = 40 * torch.rand(shape[0], generator=generator, device=generator.device) - 20
        if not self.model.captions:
            return (log_snr_b,)
        size = (shape[0], self.model.embedding)
        return log_snr_b, torch.randn(size, generator=generator, device=generator.device)


class Factorised(SpatialParts):
    """The parts of the 3-D U-Net, factorised over space and time (figure 1), for ``unet.skeleton``."""

    def __init__(self, model: Hyperparameters) -> None:
        self.model = model

    def block(self, level: int, channels: int, out_channels: int) -> nn.Module:
        """A residual block; attention after each one at some resolutions."""
        attends = self.model.grid[1] >> level in self.model.attention_at
        return Block(self.model, channels, out_channels, attends=attends)

    def middle(self, channels: int) -> nn.Module:
        """Block, attention, block (not stated; ours, as in the image model, arXiv 2006.11239)."""
        blocks = [Block(self.model, channels, channels, attends=attends) for attends in (True, False)]
        return InTurn(blocks)


class Block(nn.Module):
    """A residual block over space; with ``attends``, spatial attention after it, and then temporal attention.

    Temporal attention sees each place of the frame for itself, with relative position embeddings (Shaw et al., arXiv
    1803.02155; on keys, shared by the heads: not stated; ours). The table is long enough for the images appended in
    training too: masks leave their offsets unused, and a clip uses its middle.
    """

    def __init__(self, model: Hyperparameters, channels: int, out_channels: int, *, attends: bool) -> None:
        super().__init__()
        self.residual = ResidualBlock(channels, out_channels, model.embedding, dropout=model.dropout)
        self.space: Attending | None = None
        self.time: Attending | None = None
        if attends:
            heads, longest = out_channels // model.head_channels, model.grid[0] + model.joint_images
            self.space = Attending(SpatialAttention(out_channels, heads))
            self.time = Attending(TemporalAttention(out_channels, heads, max_frames=longest))

    def forward(self, video_bcthw: Tensor, given: Given) -> Tensor:
        """(B, C, T, H, W) to (B, C_out, T, H, W)."""
        video_bcthw = self.residual(video_bcthw, given)
        if self.space is not None and self.time is not None:
            video_bcthw = self.time(self.space(video_bcthw), given.frame_mask)
        return video_bcthw


class VideoDiffusion(Pipeline):
    """The model of clips, trained on clips and images together; sampled with captions, and beyond the size of a clip.

    Args:
        model: one of ``vdm.hyperparameters``.
        fps: of the videos that it is trained on, and so of those that come out.
    """

    def __init__(self, model: Hyperparameters, fps: float = 8.0) -> None:
        super().__init__()
        self.model, self.fps = model, fps / model.frame_skip
        self.frames, self.height, self.width = model.grid
        self.network = VideoUNet(model).to_layout("channels_last_3d")
        self.text = WordEncoder(model.text_channels, model.embedding) if model.captions else None
        self.schedule = CosineSchedule(model.min_log_snr, model.max_log_snr)
        langevin = model.sampler == "langevin"
        self.sampler: Sampler = Langevin(model.gamma) if langevin else Ancestral(model.gamma)

    def phases(self) -> list[Phase]:
        """One: everything is trained at once."""
        model = self.model
        return [
            Phase(
                name="clips and images",
                trains=("network", "text") if model.captions else ("network",),
                loss=self.loss,
                steps=model.steps,
                batch=model.batch,
                learning_rate=model.learning_rate,
                decay=model.decay,
                ema=model.ema,
                weight_decay=model.weight_decay,
                betas=model.betas,
            )
        ]

    def loss(self, step: Step) -> Tensor:
        """Section 3, "joint training": random images, each for itself, follow the frames of each clip.

        Each image has a noise level of its own, and the caption of the video that it is from (not stated; ours).
        """
        model, (frames, height, width) = self.model, self.model.grid
        clips = step.clips(frames=frames, height=height, width=width, stride=model.frame_skip)
        x, captions, mask = clips.video_bcthw, clips.captions, None
        batch, images = len(x), model.joint_images
        if images:
            drawn = step.images(batch * images, height=height, width=width)
            x = torch.cat([x, drawn.video_bcthw.view(batch, images, 3, height, width).transpose(1, 2)], 2)
            captions, mask = captions + drawn.captions, clip_and_images(frames, images).to(x.device)
        if model.flips:
            turned = torch.rand(batch, generator=step.generator) < 0.5
            x = torch.where(turned.to(x.device).view(-1, 1, 1, 1, 1), x.flip(-1), x)
        x = fold_frames(x, channels_last=False)  # frame after frame, each with its level
        eps, level = step.noise(x), self._levels(batch, step.generator).on(x.device)
        z = unfold_frames(level.noised(x, eps), batch)
        found = self.network(z, level.told_b.view(batch, -1), self._texts(captions, batch, step.generator), mask)
        return loss(model.target, fold_frames(found, channels_last=False), x, eps, level).mean()

    def _levels(self, batch: int, generator: torch.Generator) -> Level:
        """One a clip and one an image, as levels of all frames, (B (T + n),).

        Their times are spread evenly, which steadies small batches (Kingma et al., arXiv 2107.00630; ours here).
        """
        count = batch * (1 + self.model.joint_images)
        times = torch.rand(1, generator=generator, dtype=torch.float64) + torch.arange(count) / count
        level = self.schedule.level(times[torch.randperm(count, generator=generator)] % 1)
        one_each = (level.alpha_b, level.sigma_b, level.told_b)
        alpha, sigma, told = (self._each_frame(values, batch).flatten() for values in one_each)
        return Level(alpha, sigma, told)

    def _texts(self, captions: Sequence[str], batch: int, generator: torch.Generator) -> Tensor | None:
        """Captions of all frames, (B, T + n, E); for some clips and images, at random, c := 0."""
        if self.text is None:
            return None
        text = self.text(captions)
        keep_b = torch.rand(len(captions), generator=generator) >= self.model.unconditional
        return self._each_frame(dropped(text, self.text.nothing(len(captions)), keep_b).pooled_bc, batch)

    def _each_frame(self, values: Tensor, batch: int) -> Tensor:
        """From B clips, then B n images, to the frames that they have in a batch: (B + B n, ...) to (B, T + n, ...)."""
        of_clips, of_images = (
            values[:batch, None],
            values[batch:].view(batch, self.model.joint_images, *values.shape[1:]),
        )
        return torch.cat([of_clips.expand(-1, self.frames, *values.shape[1:]), of_images], 1)

    def sample(
        self, captions: Sequence[str], noise_seeds: Sequence[int], options: Sampling, advance: Advance
    ) -> Iterator[Tensor]:
        """One clip a caption, all frames at once; see ``Pipeline``."""
        noise, told = Noise(noise_seeds), counted(advance, options.steps_or(self.model.sampling_steps))
        yield to_frames(self._drawn(self._denoiser(captions, options), noise, len(noise_seeds), options, told))

    def extend(
        self,
        captions: Sequence[str],
        noise_seeds: Sequence[int],
        options: Sampling,
        advance: Advance,
        *,
        frames: int,
        overlap: int | None = None,
        first: Tensor | None = None,
        small: Tensor | None = None,
        keys: Tensor | None = None,
        every: int = 1,
    ) -> Iterator[Tensor]:
        """Videos beyond a clip, and clips of which something is known, by reconstruction guidance (section 3.1).

        Each clip goes on from the last frames of the one before ("autoregressive extension"). What is known of the
        video guides all of its clips, and several things may be known at once, as for the paper's 64x128x128. All known
        frames are uint8, (B, T, H, W, 3).

        Args:
            captions: as for ``sample``.
            noise_seeds: as for ``sample``.
            options: as for ``sample``.
            advance: as for ``sample``.
            frames: of the whole video.
            overlap: how many frames a clip has from the one before; half of them unless given.
            first: the video's first frames (prediction, as on BAIR and Kinetics).
            small: the whole video at a smaller height and width (spatial super-resolution).
            keys: every ``every``-th frame, from the first to the last (a higher frame rate).
            every: see there.

        Yields:
            The video in the order of time, what each clip adds: uint8 (B, t, H, W, 3). Known frames of the model's own
            size come out as they are.

        Raises:
            UsageError: for fewer frames than a clip's, an overlap that leaves nothing known or nothing new, or known
                frames that are not as many as the video's.
        """
        overlap = self.frames // 2 if overlap is None else overlap
        first, small, keys = (None if x is None else from_frames(x).to(self._device) for x in (first, small, keys))
        task = Task(frames, overlap, self.model.reconstruction, first, small, keys, every)
        task.check(self.frames)
        noise, told = Noise(noise_seeds), counted(advance, self._steps(task, options))

        def draw(denoise: Denoise) -> Tensor:
            return self._drawn(denoise, noise, len(noise_seeds), options, told)

        for added in in_windows(self._denoiser(captions, options), draw, noise, task, self.frames):
            yield to_frames(added)

    def steps(self, options: Sampling, frames: int) -> int:
        """How many a video takes, clip after clip, of which half are those of the one before."""
        return self._steps(Task(frames, self.frames // 2, self.model.reconstruction), options)

    def _steps(self, task: Task, options: Sampling) -> int:
        return len(list(task.windows(self.frames))) * options.steps_or(self.model.sampling_steps)

    @property
    def _device(self) -> torch.device:
        return next(self.parameters()).device

    def _drawn(
        self, denoise: Denoise, noise: Noise, batch: int, options: Sampling, told: Callable[[], object]
    ) -> Tensor:
        """Clips of the model's own size; estimates are clipped (not stated; ours)."""
        start = noise.like(torch.empty(batch, 3, *self.model.grid, device=self._device))
        steps = options.steps_or(self.model.sampling_steps)
        return sample(clipped(denoise), start, self.schedule, steps, self.sampler, noise, told)

    def _denoiser(self, captions: Sequence[str], options: Sampling) -> Denoise:
        """Conditional and unconditional model in one batch, mixed by classifier-free guidance."""
        scale = options.guidance_or(self.model.guidance)
        mask = None if options.temporal else itself(self.frames).to(self._device)
        text_be = None
        if self.text is not None:
            with torch.no_grad():
                text_be = self.text(captions).pooled_bc
            if scale != 1:
                text_be = torch.cat([text_be, torch.zeros_like(text_be)])

        def call(z: Tensor, level: Level) -> Tensor:
            found: Tensor = self.network(z, level.told_b, text_be, mask)
            return found

        denoise = denoiser(call, self.model.target)
        return denoise if text_be is None or scale == 1 else guided_together(denoise, scale)


def _network(name: str, summary: str, model: Hyperparameters, stated: Stated | None = None) -> None:
    SYSTEMS.register(f"vdm/{name}")(Preset(summary, "video_bcthw", lambda: VideoUNet(model), stated))


def _register(name: str, summary: str, model: Hyperparameters, stated: Stated | None = None) -> None:
    _network(name, summary, model, stated)
    PIPELINES.register(f"vdm/{name}")(PipelinePreset(summary, lambda: VideoDiffusion(model)))


def _cascade(name: str, summary: str, small: Hyperparameters, large: Hyperparameters) -> None:
    preset = PipelinePreset(summary, lambda: Cascade(VideoDiffusion(small), VideoDiffusion(large)))
    PIPELINES.register(f"vdm/{name}")(preset)


_COUNTED = "the paper prints no counts; convolutions between resolutions"
_BILLION = Stated(1.1e9, "third party", "tables of RIN and W.A.L.T, for the K600 model; the paper prints no counts")

_register("ucf101", "unconditional 16x64x64", hyperparameters.UCF101, _BILLION)
_register(
    "bair", "robot arm 16x64x64, prediction by guidance", hyperparameters.BAIR, Stated(140e6, "reconstructed", _COUNTED)
)
_register("k600", "Kinetics 16x64x64, prediction by guidance", hyperparameters.K600, _BILLION)
_register(
    "t2v-small", "text to 16x64x64, 128 channels", hyperparameters.T2V_SMALL, Stated(294e6, "reconstructed", _COUNTED)
)
_register("t2v-large", "text to 16x64x64, 256 channels", hyperparameters.T2V_LARGE, _BILLION)
_register("t2v-128", "text to 9x128x128", hyperparameters.T2V_128, Stated(1147e6, "reconstructed", _COUNTED))
_cascade("t2v", "text to 16x64x64 to 16x128x128", hyperparameters.T2V_LARGE, hyperparameters.T2V_128)
_register("small", "text to 16x32x32 for one GPU", hyperparameters.SMALL)
_network("tiny-base", "text to 16x16x16 for two cores", hyperparameters.TINY)
_network("tiny-large", "text to 16x32x32 for two cores", hyperparameters.TINY_LARGE)
_cascade("tiny", "text to 16x16x16 to 16x32x32", hyperparameters.TINY, hyperparameters.TINY_LARGE)
