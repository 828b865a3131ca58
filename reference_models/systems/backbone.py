"""Ablations in one backbone: systems between which one thing differs, to be trained and compared under one budget.

All are a small factorised video diffusion U-Net (after Video Diffusion Models, Ho et al., arXiv 2204.03458) on 4 x 4
patches of 16 frames of 32 x 32 pixels, told captions by our word encoders. In each group one thing differs:

- convolutions of the residual blocks: ``backbone/conv3d``, ``conv2plus1d``, ``pseudo3d``, ``conv1x3x3``; attention is
  factorised;
- attention after them: ``backbone/attention-full``, ``attention-window``, ``attention-factorised``; convolutions are
  1 x 3 x 3, so that frames meet in attention alone;
- training: ``backbone/joint``, ``temporal-on-frozen``; convolutions are pseudo-3-D and attention is factorised, so that
  all that is over time can be put into an image model.

Equal are widths, depth, patches, ends and changes of resolution, what is told and how, text encoders, data, frames a
step, steps, optimiser, learning rate, average, noise levels and sampler. Parameters and FLOPs differ, as they must:
``vidgauge list systems --json`` and ``build_network(name).cost(shape)`` say how much. The groups meet:
``attention-factorised`` is ``conv1x3x3`` and ``joint`` is ``pseudo3d``, each under the name that its group has for it.

The network gives x, and its error is that of x: v holds the noise, of which a patch has more numbers than the first
width can carry, so that short training by the error of v ends in noise (Salimans and Ho, arXiv 2202.00512, section 4:
either gives the other).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from vidgauge.reference_models.backbone.design import Attention, Convolutions, Design, Training
from vidgauge.reference_models.backbone.network import Backbone
from vidgauge.reference_models.diffusion import (
    Ancestral,
    CosineSchedule,
    Denoise,
    Level,
    Noise,
    denoiser,
    guided_together,
    loss,
    sample,
)
from vidgauge.reference_models.diffusion.thresholding import clipped
from vidgauge.reference_models.folding import apart, packed
from vidgauge.reference_models.pipeline import Advance, Clips, Phase, Pipeline, Sampling, Step, counted, to_frames
from vidgauge.reference_models.plan import Plan
from vidgauge.reference_models.systems import PIPELINES, SYSTEMS, PipelinePreset, Preset
from vidgauge.reference_models.text import WordEncoder, dropped
from vidgauge.reference_models.video_ldm.weights import image_modules, temporal_modules

CLEANEST = 4.0
"""The largest log-SNR that is trained on and sampled at: of what has hardly any noise x would be a copy, for which the
first width is too small."""


class Ablation(Pipeline):
    """One member: its network, trained by its design's way, and sampled.

    Images are clips of one frame. Layers over time have a text encoder of their own, which they can be trained with
    while the image model's is frozen.

    Args:
        design: what the member is.
        fps: of the videos that it is trained on, and so of those that come out.
    """

    def __init__(self, design: Design, fps: float = 8.0) -> None:
        super().__init__()
        self.design, self.fps = design, fps
        self.frames, self.height, self.width = design.grid
        self.network = Backbone(design).to_layout("channels_last_3d")
        self.text, self.time_text = (WordEncoder(design.text_channels, design.embedding) for _ in range(2))
        self.schedule = CosineSchedule(max_log_snr=CLEANEST)

    def phases(self) -> list[Phase]:
        """One of clips and images; or images and then clips: as many steps in all, each of as many frames."""
        design = self.design
        if design.training == "joint":
            return [self._phase("clips and images", ("network", "text", "time_text"), self.joint_loss, design.clips)]
        frames, half = design.clips * (self.frames + design.images), design.steps // 2
        theta, phi = ([f"network.{name}" for name in find(self.network)] for find in (image_modules, temporal_modules))
        return [
            self._phase("images", [*theta, "text"], self.image_loss, frames, half),
            self._phase("layers over time", [*phi, "time_text"], self.clip_loss, frames // self.frames, half),
        ]

    def _phase(
        self, name: str, trains: Sequence[str], loss_of: Callable[[Step], Tensor], batch: int, steps: int | None = None
    ) -> Phase:
        design = self.design
        return Plan(steps or design.steps, batch, design.learning_rate).phase(name, trains, loss_of, design.ema)

    def joint_loss(self, step: Step) -> Tensor:
        """Of clips and of images, in which every frame counts alike."""
        clips, images = self._clips(step), self._images(step, self.design.images)
        clip_b, image_b = (self._errors(each, step) for each in (clips, images))
        return torch.cat([clip_b.repeat_interleave(self.frames), image_b]).mean()

    def image_loss(self, step: Step) -> Tensor:
        """Of images alone: of the image model."""
        return self._errors(self._images(step), step).mean()

    def clip_loss(self, step: Step) -> Tensor:
        """Of clips alone."""
        return self._errors(self._clips(step), step).mean()

    def _clips(self, step: Step) -> Clips:
        return step.clips(frames=self.frames, height=self.height, width=self.width)

    def _images(self, step: Step, a_clip: int = 1) -> Clips:
        return step.images(step.batch * a_clip, height=self.height, width=self.width)

    def _errors(self, clips: Clips, step: Step) -> Tensor:
        """Of each clip or image, at a level of its own; some captions, at random, are left out."""
        x = clips.video_bcthw
        eps, level = step.noise(x), self.schedule.draw(len(x), step.generator).on(x.device)
        keep_b = torch.rand(len(x), generator=step.generator) >= self.design.unconditional
        found = self.network(level.noised(x, eps), level.told_b, *self._texts(clips.captions, keep_b))
        return loss("x", found, x, eps, level)

    def _texts(self, captions: Sequence[str], keep_b: Tensor) -> list[Tensor]:
        """What the image model and what is over time are told; nothing of those that are not kept."""
        encoders, batch = (self.text, self.time_text), len(captions)
        return [dropped(encoder(captions), encoder.nothing(batch), keep_b).pooled_bc for encoder in encoders]

    def sample(
        self, captions: Sequence[str], noise_seeds: Sequence[int], options: Sampling, advance: Advance
    ) -> Iterator[Tensor]:
        """All frames at once; see ``Pipeline``. Without ``temporal`` each is an image."""
        noise, steps = Noise(noise_seeds), options.steps_or(self.design.sampling_steps)
        z = noise.like(torch.empty(len(captions), 3, *self.design.grid, device=next(self.parameters()).device))
        denoise = clipped(self._denoiser(captions, options))
        yield to_frames(sample(denoise, z, self.schedule, steps, Ancestral(0.0), noise, counted(advance, steps)))

    @torch.no_grad()
    def _denoiser(self, captions: Sequence[str], options: Sampling) -> Denoise:
        """With captions; guided, with and without them in one batch."""
        scale, count = options.guidance_or(1.0), len(captions)
        times = 1 if scale == 1 else 2
        texts = self._texts([*captions] * times, torch.arange(count * times) < count)

        def call(z: Tensor, level: Level) -> Tensor:
            if options.temporal:
                together: Tensor = self.network(z, level.told_b, *texts)
                return together
            given = (each.repeat_interleave(self.frames, 0) for each in (level.told_b, *texts))
            return packed(self.network(apart(z), *given), self.frames)

        denoise = denoiser(call, "x")
        return denoise if scale == 1 else guided_together(denoise, scale)


def _register(name: str, summary: str, design: Design) -> None:
    SYSTEMS.register(f"backbone/{name}")(Preset(summary, "video_bcthw", partial(Backbone, design)))
    PIPELINES.register(f"backbone/{name}")(PipelinePreset(summary, partial(Ablation, design)))


_KERNELS: dict[Convolutions, str] = {
    "conv3d": "3x3x3",
    "conv2plus1d": "1x3x3, ReLU, 3x1x1",
    "pseudo3d": "1x3x3, 3x1x1",
    "conv1x3x3": "1x3x3",
}
_WHERE: dict[Attention, str] = {
    "full": "over the whole clip",
    "window": "in windows through all frames",
    "factorised": "over space, then time",
}
_WAYS: dict[Training, str] = {
    "joint": "on clips and images at once",
    "temporal-on-frozen": "over time on a frozen image model",
}
for _convolutions, _kernels in _KERNELS.items():
    _register(_convolutions, f"one backbone, convolutions {_kernels}", Design(convolutions=_convolutions))
for _attention, _where in _WHERE.items():
    _register(f"attention-{_attention}", f"one backbone, attention {_where}", Design(attention=_attention))
for _training, _way in _WAYS.items():
    _register(_training, f"one backbone, trained {_way}", Design(convolutions="pseudo3d", training=_training))
