"""What each stage makes of what the stage before hands it: the right side of equation 1, from right to left."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vidgauge.errors import UsageError
from vidgauge.reference_models import diffusion
from vidgauge.reference_models.diffusion import Ddim, Denoise, Known, Level, Noise, Schedule
from vidgauge.reference_models.folding import fold_frames
from vidgauge.reference_models.make_a_video.frames import windows
from vidgauge.reference_models.make_a_video.networks import Decoder, Interpolator, SuperResolution
from vidgauge.reference_models.make_a_video.prior import Prior
from vidgauge.reference_models.make_a_video.sizes import Cascade, Steps
from vidgauge.reference_models.pipeline import Advance, Pipeline, Sampling, to_frames
from vidgauge.reference_models.resizing import resized
from vidgauge.reference_models.text import SmallClip

PREDICTION: diffusion.Prediction = "v"
"""Of D^t; the others predict x. Not stated; unCLIP's is eps, which takes more than a few steps to settle colours."""


Conditional = Callable[[Tensor, Level, Tensor], Tensor]
"""z, its level and y_e to a network's output."""


@dataclass
class Run:
    """One call of a sampler: whose noise, which options, how far it is."""

    noise: Noise
    steps: Steps
    guidance: float
    temporal: bool
    advance: Advance
    total: int
    """Denoising steps over all stages."""
    done: int = 0

    def step(self) -> None:
        """One more is done."""
        self.done += 1
        self.advance(self.done, self.total)


class Stages(Pipeline):
    """All networks, and how they are sampled, with DDIM throughout (unCLIP's for the last two; for the others ours).

    The prior, D^t and F are small enough to hold all frames. Super-resolution goes from one window of frames to the
    next, and chunks leave in the order of time, so that the full size is never held: at the paper's scale one layer of
    SR_h alone gives 34 gigabytes for 76 frames of 768 x 768.

    Args:
        cascade: sizes, steps and courses.
    """

    def __init__(self, cascade: Cascade) -> None:
        super().__init__()
        self.cascade = cascade
        self.frames, self.height, self.width, self.fps = cascade.frames, cascade.height, cascade.width, cascade.fps
        self.clip = SmallClip(cascade.prior.dimension)
        self.prior = Prior(cascade.prior)
        self.decoder = Decoder(cascade.decoder)
        self.interpolator = Interpolator(cascade.interpolation)
        self.ssr1 = SuperResolution(cascade.ssr1)
        self.ssr2 = SuperResolution(cascade.ssr2)
        with torch.device("cpu"):  # where schedules are, whatever the networks are on
            self.cosine: Schedule = diffusion.DiscreteSchedule(diffusion.cosine_betas())
            self.linear: Schedule = diffusion.DiscreteSchedule(diffusion.linear_betas())  # SR_h's, as in unCLIP

    def run(
        self,
        noise_seeds: Sequence[int],
        options: Sampling,
        advance: Advance,
        frames: int,
        *,
        prior: bool = False,
        keys: bool = False,
    ) -> Run:
        """Begin to sample so many frames, by F's windows where there are key frames, with or without the prior."""
        steps, guidance = self.cascade.steps, self.cascade.guidance
        if options.steps is not None:
            steps = Steps(*[options.steps] * 5)
        if options.guidance is not None:
            guidance = options.guidance
        large = windows(frames, self.ssr1.grid[0], self.cascade.overlap)
        new = [at.stop - before for before, at in zip([0, *(at.stop for at in large)], large, strict=False)]
        total = (
            prior * steps.prior
            + keys * steps.decoder
            + steps.interpolation * len(windows(frames, self.interpolator.grid[0], 1)) * (options.temporal or not keys)
            + steps.ssr1 * len(large)
            + steps.ssr2 * sum(-(-count // self.ssr2.grid[0]) for count in new)
        )
        return Run(Noise(noise_seeds), steps, guidance, options.temporal, advance, total)

    @torch.no_grad()
    def embedded(self, video_bcthw: Tensor) -> Tensor:
        """The image embeddings of the frames, averaged over each video, entries of about unit variance: (B, d).

        unCLIP scales by 17.2 to that end, ours by the root of d.
        """
        images = fold_frames(video_bcthw, channels_last=False)
        return self.clip.scale * self.clip.image(images).view(*video_bcthw.shape[0:3:2], -1).mean(1)

    @torch.no_grad()
    def imagined(self, captions: Sequence[str], run: Run) -> Tensor:
        """P: captions to image embeddings y_e, (B, d)."""
        text = self.clip.text(captions)

        def call(z: Tensor, level: Level) -> Tensor:
            x: Tensor = self.prior(z, level.told_b, text.tokens_bnc, text.pooled_bc)
            return x

        z = run.noise.like(text.pooled_bc[:, None, None, None])
        x = diffusion.sample(
            diffusion.denoiser(call, "x"), z, self.cosine, run.steps.prior, Ddim(), run.noise, run.step
        )
        return x.flatten(1)

    def key_frames(self, image_bd: Tensor, run: Run) -> Tensor:
        """D^t: the embedding to key frames, at a low frame rate. Without time, D: to all frames, each for itself."""
        keys, height, width = self.decoder.grid
        frames = keys if run.temporal else self.frames
        z = run.noise.like(image_bd.new_empty(len(image_bd), 3, frames, height, width))
        fps = self.fps / self.cascade.skip

        def call(z: Tensor, level: Level, image_bd: Tensor) -> Tensor:
            fps_b = image_bd.new_full((len(z),), fps)
            v: Tensor = self.decoder(z, level.told_b, image_bd, fps_b, enable_time=run.temporal)
            return v

        denoise = self._guided(call, PREDICTION, image_bd, run)
        return self._sampled(denoise, z, self.cosine, run.steps.decoder, run)

    def interpolated(self, keys_bcthw: Tensor, image_bd: Tensor, run: Run) -> Tensor:
        """F over a whole video: 16 key frames to 76 by five windows of 16, each with four key frames in it.

        Neighbouring windows share the key frame where they meet. That the paper goes by windows is not stated; ours.
        Without time there is nothing to fill in.
        """
        if not run.temporal:
            return keys_bcthw
        skip, window = self.cascade.skip, self.interpolator.grid[0]
        if (window - 1) % skip:
            raise UsageError(f"a window of {window} frames does not end on a key frame at frame skip {skip}")
        keys = range(0, self.frames, skip)
        made = []
        for at in windows(self.frames, window, 1):
            known = {frame - at.start: keys_bcthw[:, :, frame // skip] for frame in keys if frame in at}
            filled = self.filled(known, len(at), skip, image_bd, run)
            made.append(filled if at.start == 0 else filled[:, :, 1:])
        return torch.cat(made, 2)

    def filled(self, known: Mapping[int, Tensor], frames: int, skip: int, image_bd: Tensor, run: Run) -> Tensor:
        """F over one window: (B, 3, frames, h, w). Known frames come out as they went in, as they are put back.

        Without that they would be kept as well as F has learnt to. That the paper puts them back is not stated; ours.

        Args:
            known: (B, 3, h, w) images of any size by the number of their frame.
            frames: of the window.
            skip: what F is told.
            image_bd: y_e.
            run: options and noise.
        """
        video = image_bd.new_zeros(len(image_bd), 3, frames, *self.interpolator.grid[1:])
        for frame, image in known.items():
            video[:, :, frame] = resized(image[:, :, None], *video.shape[3:])[:, :, 0]
        mask_t = torch.tensor([float(frame in known) for frame in range(frames)], device=video.device)

        def call(z: Tensor, level: Level, image_bd: Tensor) -> Tensor:
            times = len(z) // len(video)  # twice under guidance
            told = [image_bd.new_full((len(z),), number) for number in (self.fps, skip)]
            there = video.repeat(times, 1, 1, 1, 1), mask_t.expand(len(z), -1)
            temporal = run.temporal
            x: Tensor = self.interpolator(z, level.told_b, image_bd, told[0], *there, told[1], enable_time=temporal)
            return x

        denoise = diffusion.extended(
            self._guided(call, "x", image_bd, run), Known(video, [*known], run.noise), weight=0
        )
        return self._sampled(denoise, run.noise.like(video), self.cosine, run.steps.interpolation, run)

    def enlarged(self, low_bcthw: Tensor, run: Run) -> Iterator[Tensor]:
        """SR_h o SR_l^t and the last, bicubic, reduction: uint8 chunks in the order of time.

        SR_h sees one frame at a time, so that chunks are exactly what all frames at once would be.
        """
        most, height, width = self.ssr2.grid
        shared = run.noise.shared_frames(low_bcthw.new_empty(len(low_bcthw), 3, 1, height, width))
        for window in self._enlarged_windows(low_bcthw, run):
            for middle in torch.split(window, most, 2):
                z = shared.expand(-1, -1, middle.shape[2], -1, -1)  # "the same initial noise for all frames"
                high = self._sampled(self._enlarging(self.ssr2, middle, run), z, self.linear, run.steps.ssr2, run)
                yield to_frames(resized(high, self.height, self.width, "bicubic"))

    def _enlarged_windows(self, low_bcthw: Tensor, run: Run) -> Iterator[Tensor]:
        """SR_l^t over windows of as many frames as it was trained on (not stated; ours): new frames of each.

        A window starts with the last frames of the one before, which are known by then: they are replaced by their
        noisy versions before each step, as Video Diffusion Models goes on from known frames, so that details go on.
        """
        length, height, width = self.ssr1.grid
        done, made = 0, low_bcthw.new_empty(len(low_bcthw), 3, 0, height, width)
        for at in windows(low_bcthw.shape[2], length, self.cascade.overlap):
            low, shared = low_bcthw[:, :, at.start : at.stop], done - at.start
            denoise = self._enlarging(self.ssr1, low, run)
            video = functional.pad(made[:, :, made.shape[2] - shared :], (0, 0, 0, 0, 0, len(at) - shared))
            if shared:
                denoise = diffusion.extended(denoise, Known(video, range(shared), run.noise), weight=0)
            made = self._sampled(denoise, run.noise.like(video), self.cosine, run.steps.ssr1, run)
            done = at.stop
            yield made[:, :, shared:]

    def _enlarging(self, network: SuperResolution, low_bcthw: Tensor, run: Run) -> Denoise:
        def call(z: Tensor, level: Level) -> Tensor:
            x: Tensor = network(z, level.told_b, low_bcthw, enable_time=run.temporal)
            return x

        return diffusion.clipped(diffusion.denoiser(call, "x"))

    def _guided(self, call: Conditional, kind: diffusion.Prediction, image_bd: Tensor, run: Run) -> Denoise:
        """Classifier-free guidance on y_e, zeros for none."""
        if run.guidance == 1:
            return diffusion.clipped(diffusion.denoiser(lambda z, level: call(z, level, image_bd), kind))
        both = torch.cat([image_bd, torch.zeros_like(image_bd)])
        denoise = diffusion.denoiser(lambda z, level: call(z, level, both), kind)
        return diffusion.clipped(diffusion.guided_together(denoise, run.guidance))

    def _sampled(self, denoise: Denoise, z: Tensor, schedule: Schedule, steps: int, run: Run) -> Tensor:
        return diffusion.sample(denoise, z, schedule, steps, Ddim(), run.noise, run.step)
