"""Make-A-Video (Singer et al., arXiv 2209.14792): text to video without videos that have text.

A text-to-image system, unCLIP's, learns from images with captions: a prior P from the caption to an image embedding, a
decoder D from that to a small image, two super-resolution networks. Layers over time, which start as the identity, are
put into the decoder and the first super-resolution network and learn from videos alone. A copy of the decoder learns to
fill in frames. Text never reaches a network that sees video but through the image embedding y_e, so that what a single
frame cannot tell, such as a direction of motion, is not learnt from captions; the paper says so itself.

    y = SR_h o SR_l^t o F o D^t o P(x, C_x(x))                                                         (equation 1)
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from vidgauge.reference_models import diffusion
from vidgauge.reference_models.diffusion import Level, Schedule
from vidgauge.reference_models.make_a_video import sizes
from vidgauge.reference_models.make_a_video.frames import blurred, draw_stride, known_mask
from vidgauge.reference_models.make_a_video.networks import Decoder, Interpolator, SuperResolution
from vidgauge.reference_models.make_a_video.prior import Prior
from vidgauge.reference_models.make_a_video.sizes import Cascade
from vidgauge.reference_models.make_a_video.stages import PREDICTION, Stages
from vidgauge.reference_models.pipeline import Advance, Clips, Phase, Sampling, Step
from vidgauge.reference_models.resizing import resized
from vidgauge.reference_models.system import System
from vidgauge.reference_models.systems import PIPELINES, SYSTEMS, PipelinePreset, Preset, Stated
from vidgauge.reference_models.text import dropped
from vidgauge.reference_models.unet.residual import start_at_zero

DROPPED = 0.1
"""Share of captions and image embeddings left out in training, for classifier-free guidance (not stated; ours)."""


class MakeAVideo(Stages):
    """The whole system, with a small CLIP of our own, which is trained first and frozen then."""

    # Section 3.4, training: first on images with captions, each network for itself, then on video without.

    def phases(self) -> Sequence[Phase]:
        """CLIP, then P, D, SR_l and SR_h on images, then D^t, SR_l^t and F on video."""
        enlarging = self.super_resolution_loss
        return [
            self._phase("clip", "clip", self.clip_loss),
            self._phase("prior", "prior", self.prior_loss),
            self._phase("decoder-images", "decoder", self.image_loss),
            self._phase("ssr1-images", "ssr1", partial(enlarging, self.ssr1, images=True)),
            self._phase("ssr2-images", "ssr2", partial(enlarging, self.ssr2, images=True)),
            self._phase("decoder", "decoder", self.video_loss, self.decoder.restart_time),
            self._phase("ssr1", "ssr1", partial(enlarging, self.ssr1, images=False), self.ssr1.restart_time),
            self._phase("interpolation", "interpolator", self.interpolation_loss, self._start_interpolation),
        ]

    def _phase(self, name: str, trains: str, loss: Callable[[Step], Tensor], *begin: Callable[[], None]) -> Phase:
        course, network = self.cascade.courses[name], self.get_submodule(trains)
        parts: tuple[str, ...] = (trains,)
        frozen = self.cascade.freeze_spatial and begin and network is not self.interpolator  # F has new inputs
        if frozen and isinstance(network, Decoder | SuperResolution):
            parts = tuple(f"{trains}.{layer}" for layer in network.layers_over_time())
        made = Phase(name, parts, loss, course.steps, course.batch, course.learning_rate, decay="cosine")
        return replace(made, begin=begin[0]) if begin else made

    def _start_interpolation(self) -> None:
        """F from D^t, but for its last layer: what it predicts is a difference, and starts at zero."""
        self.interpolator.start_from(self.decoder)
        start_at_zero(self.interpolator.unet.head)

    def clip_loss(self, step: Step) -> Tensor:
        """Captions and images into one space."""
        images = step.images(height=self.clip.side, width=self.clip.side)
        return self.clip.loss(images.video_bcthw[:, :, 0], images.captions)

    def prior_loss(self, step: Step) -> Tensor:
        """P: the image embedding itself, from the caption (unCLIP, equation 2)."""
        images = step.images(height=self.clip.side, width=self.clip.side)
        x = self.embedded(images.video_bcthw)[:, None, None, None]
        with torch.no_grad():
            text = self.clip.text(images.captions)
        text = dropped(text, self.clip.nothing(len(text)), self._kept(step, len(text)))

        def call(z: Tensor, level: Level) -> Tensor:
            predicted: Tensor = self.prior(z, level.told_b, text.tokens_bnc, text.pooled_bc)
            return predicted

        return self._loss(call, x, step, kind="x")

    def image_loss(self, step: Step) -> Tensor:
        """D, from the embedding of the image itself. Captions are not looked at from here on."""
        return self._decoder_loss(self._small(step, frames=1), step, enable_time=False)

    def video_loss(self, step: Step) -> Tensor:
        """D^t, at a random frame rate."""
        stride = draw_stride(step.number / step.steps, self.cascade.skip, step.generator)
        clips = self._small(step, frames=self.decoder.grid[0], stride=stride)
        return self._decoder_loss(clips, step, enable_time=True)

    def _small(self, step: Step, *, frames: int, stride: int = 1) -> Clips:
        """Clips at D's size, made smaller from SR_l's, so that SR_l then knows what D has learnt to make."""
        _, height, width = self.ssr1.grid
        clips = step.clips(frames=frames, height=height, width=width, stride=stride)
        return replace(clips, video_bcthw=resized(clips.video_bcthw, *self.decoder.grid[1:]))

    def _decoder_loss(self, clips: Clips, step: Step, *, enable_time: bool) -> Tensor:
        image_bd = self._condition(clips.video_bcthw, step)

        def call(z: Tensor, level: Level) -> Tensor:
            predicted: Tensor = self.decoder(z, level.told_b, image_bd, clips.fps_b, enable_time=enable_time)
            return predicted

        return self._loss(call, clips.video_bcthw, step)

    def interpolation_loss(self, step: Step) -> Tensor:
        """F: the frames that are masked, from those that are not, at the output's frame rate and a variable skip."""
        frames = self.interpolator.grid[0]
        clips = self._small(step, frames=frames)
        video, image_bd = clips.video_bcthw, self._condition(clips.video_bcthw, step)
        skip_b = self._draw_skips(step, len(video)).to(video)
        mask_bt = known_mask(frames, skip_b)

        def call(z: Tensor, level: Level) -> Tensor:
            predicted: Tensor = self.interpolator(z, level.told_b, image_bd, clips.fps_b, video, mask_bt, skip_b)
            return predicted

        return self._loss(call, video, step, kind="x", weight_bt=1 - mask_bt)

    def _draw_skips(self, step: Step, batch: int) -> Tensor:
        """Three in four are the one that sampling needs, the others anything from 2 to a first frame alone (ours)."""
        any_skip = torch.randint(2, self.interpolator.grid[0] + 1, (batch,), generator=step.generator)
        own = torch.rand(batch, generator=step.generator) < 0.75
        return torch.where(own, self.cascade.skip, any_skip)

    def super_resolution_loss(self, network: SuperResolution, step: Step, *, images: bool) -> Tensor:
        """SR_l and SR_h on images, SR_l^t on video: from the same at the size of the stage before."""
        small = self.decoder.grid if network is self.ssr1 else self.ssr1.grid
        frames, height, width = network.grid
        clips = step.clips(frames=1 if images else frames, height=height, width=width)
        low = self._degraded(resized(clips.video_bcthw, *small[1:]), step)

        def call(z: Tensor, level: Level) -> Tensor:
            predicted: Tensor = network(z, level.told_b, low, enable_time=not images)
            return predicted

        schedule = self.cosine if network is self.ssr1 else self.linear
        return self._loss(call, clips.video_bcthw, step, kind="x", schedule=schedule)

    def _degraded(self, low_bcthw: Tensor, step: Step) -> Tensor:
        """Blurred and noisy, as what an earlier stage makes is never as clean as data.

        unCLIP blurs for the first network and degrades more for the second (section 2.4); how much is ours.
        """
        blur_b, noise_b = torch.rand(2, len(low_bcthw), generator=step.generator).to(low_bcthw)
        low = blurred(low_bcthw, 0.6 * blur_b)
        return low + diffusion.spread(0.1 * noise_b, low) * step.noise(low)

    def _loss(
        self,
        call: Callable[[Tensor, Level], Tensor],
        x: Tensor,
        step: Step,
        *,
        kind: diffusion.Prediction = PREDICTION,
        schedule: Schedule | None = None,
        weight_bt: Tensor | None = None,
    ) -> Tensor:
        """Mean squared error in the prediction's own space, at one random noise step a clip."""
        level = (schedule or self.cosine).draw(len(x), step.generator).on(x.device)
        eps = step.noise(x)
        output = call(level.noised(x, eps), level)
        if weight_bt is None:
            return diffusion.loss(kind, output, x, eps, level).mean()
        error_bt = (output - diffusion.target(kind, x, eps, level)).square().mean((1, 3, 4))
        return (weight_bt * error_bt).sum() / weight_bt.sum()

    def _condition(self, video_bcthw: Tensor, step: Step) -> Tensor:
        """y_e of one random frame a clip, as a video has no one embedding (not stated; ours), or zeros for some."""
        frame_b = torch.randint(video_bcthw.shape[2], (len(video_bcthw),), generator=step.generator)
        rows = torch.arange(len(video_bcthw))
        image_bd = self.embedded(video_bcthw[rows, :, frame_b][:, :, None])
        return image_bd * self._kept(step, len(image_bd)).to(image_bd)[:, None]

    def _kept(self, step: Step, batch: int) -> Tensor:
        return torch.rand(batch, generator=step.generator) >= DROPPED

    # Equation 1: inference. And section 4's other uses of the same networks.

    def sample(
        self, captions: Sequence[str], noise_seeds: Sequence[int], options: Sampling, advance: Advance
    ) -> Iterator[Tensor]:
        """Captions to frames, in chunks of those that SR_h makes at a time."""
        run = self.run(noise_seeds, options, advance, self.frames, prior=True, keys=True)
        image_bd = self.imagined(captions, run)
        yield from self.enlarged(self.interpolated(self.key_frames(image_bd, run), image_bd, run), run)

    def vary(
        self, video_bcthw: Tensor, noise_seeds: Sequence[int], options: Sampling, advance: Advance
    ) -> Iterator[Tensor]:
        """Videos like given ones: y_e is the mean of their frames'."""
        run = self.run(noise_seeds, options, advance, self.frames, keys=True)
        image_bd = self.embedded(video_bcthw)
        yield from self.enlarged(self.interpolated(self.key_frames(image_bd, run), image_bd, run), run)

    def animate(
        self, images_bchw: Tensor, noise_seeds: Sequence[int], options: Sampling, advance: Advance
    ) -> Iterator[Tensor]:
        """Still images set in motion: y_e is their own, F goes on from each as the first of a window of frames."""
        frames = self.interpolator.grid[0]
        run = self.run(noise_seeds, options, advance, frames)
        image_bd = self.embedded(images_bchw[:, :, None])
        yield from self.enlarged(self.filled({0: images_bchw}, frames, frames, image_bd, run), run)

    def between(
        self,
        first_bchw: Tensor,
        last_bchw: Tensor,
        noise_seeds: Sequence[int],
        options: Sampling,
        advance: Advance,
    ) -> Iterator[Tensor]:
        """From one image to another: F fills in what lies between, y_e is the mean of both."""
        frames = self.interpolator.grid[0]
        run = self.run(noise_seeds, options, advance, frames)
        image_bd = self.embedded(torch.stack([first_bchw, last_bchw], 2))
        known = {0: first_bchw, frames - 1: last_bchw}
        yield from self.enlarged(self.filled(known, frames, frames - 1, image_bd, run), run)


def _networks(cascade: Cascade) -> dict[str, Callable[[], System]]:
    """What ``make-a-video/small-decoder`` and its like make."""
    return {
        "prior": lambda: Prior(cascade.prior),
        "decoder": lambda: Decoder(cascade.decoder),
        "interpolation": lambda: Interpolator(cascade.interpolation),
        "ssr1": lambda: SuperResolution(cascade.ssr1),
        "ssr2": lambda: SuperResolution(cascade.ssr2),
    }


_UNCLIP = "unCLIP's (arXiv 2204.06125, table 3); Make-A-Video states no sizes"
_DECODER = Stated(3.5e9, "inherited", _UNCLIP + "; 1.2 B of them a text transformer, which is not here, none over time")
_ROLES = {
    "prior": ("P: caption to image embedding", Stated(1.0e9, "inherited", _UNCLIP)),
    "decoder": ("D^t: image embedding to key frames", _DECODER),
    "interpolation": ("F: fills in frames between key frames", _DECODER),
    "ssr1": ("SR_l^t: super-resolution over space and time", Stated(0.7e9, "inherited", _UNCLIP + ", none over time")),
    "ssr2": ("SR_h: super-resolution of each frame", Stated(0.3e9, "inherited", _UNCLIP)),
}
for _role, (_summary, _stated) in _ROLES.items():
    for _size, _cascade in (("", sizes.PAPER), ("small-", sizes.SMALL), ("tiny-", sizes.TINY)):
        SYSTEMS.register(f"make-a-video/{_size}{_role}")(
            Preset(
                _summary,
                "tokens_bthwc" if _role == "prior" else "video_bcthw",
                _networks(_cascade)[_role],
                None if _size else _stated,
            )
        )
PIPELINES.register("make-a-video/small")(
    PipelinePreset("16 key frames at 32 x 32 to 76 frames at 128 x 128", lambda: MakeAVideo(sizes.SMALL))
)
PIPELINES.register("make-a-video/tiny")(
    PipelinePreset("4 key frames at 16 x 16 to 16 frames at 32 x 32", lambda: MakeAVideo(sizes.TINY))
)
