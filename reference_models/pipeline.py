"""What every system that is trained and sampled is: phases of training, and captions in, frames out.

Pixels inside are float ``video_bcthw`` in [-1, 1]; ``uint8`` frames at the border.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

Advance = Callable[[int, int], object]
"""Told how many denoising steps are done, and how many there are over all stages."""


@dataclass(frozen=True)
class Clips:
    """Training clips; images are clips of one frame."""

    video_bcthw: Tensor
    """float32 in [-1, 1]."""
    captions: tuple[str, ...]
    """One a clip; empty strings where the data has none."""
    fps_b: Tensor
    """Frames per second of each clip, its stride counted in: float32, (B,). 0 where the data does not say."""


class Data(Protocol):
    """Where clips come from."""

    def draw(self, count: int, frames: int, height: int, width: int, stride: int, generator: torch.Generator) -> Clips:
        """Clips at any size, drawn anew with each call; all that is random comes from the generator, on the CPU."""
        ...


@dataclass(frozen=True)
class Step:
    """One training step: where its loss gets data and randomness from.

    Everything in it follows from (seed, phase, number), so that a run which was stopped goes on to the same numbers.
    torch's default generator is seeded for each step as well; dropout draws from there.
    """

    number: int
    """From 0, within the phase."""
    steps: int
    """How many the phase has in this run."""
    batch: int
    """The phase's."""
    generator: torch.Generator
    """On the CPU, so that draws are the same on every device."""
    data: Data
    device: torch.device | str = "cpu"
    """Where clips are put: where the pipeline is."""

    def clips(self, count: int | None = None, *, frames: int, height: int, width: int, stride: int = 1) -> Clips:
        """Clips of every ``stride``-th frame; as many as the phase's batch unless told."""
        clips = self.data.draw(count or self.batch, frames, height, width, stride, self.generator)
        return Clips(clips.video_bcthw.to(self.device), clips.captions, clips.fps_b.to(self.device))

    def images(self, count: int | None = None, *, height: int, width: int) -> Clips:
        """Single frames of different videos."""
        return self.clips(count, frames=1, height=height, width=width)

    def noise(self, like: Tensor) -> Tensor:
        """Standard normal, of another tensor's shape, dtype and device."""
        return torch.randn(like.shape, generator=self.generator).to(like)


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Phase:
    """A part of training. Phases come one after the other; at the end of each its weights become their EMA."""

    name: str
    trains: tuple[str, ...]
    """Names of the pipeline's submodules; all others are frozen and in evaluation mode."""
    loss: Callable[[Step], Tensor]
    """The scalar to minimise."""
    steps: int
    batch: int
    learning_rate: float
    """The highest, after a linear warm-up."""
    begin: Callable[[], None] = _nothing
    """Called once before the first step: copies or inflates what an earlier phase has learnt. It changes weights alone,
    for these are what a checkpoint holds."""
    decay: Literal["constant", "cosine"] = "constant"
    """Of the learning rate: none, or a cosine down to zero at the last step."""
    ema: float = 0.999
    """What the average of the weights keeps of itself at each step; less in the first steps."""
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.99)
    """Of Adam."""


@dataclass(frozen=True)
class Sampling:
    """What can be chosen when sampling; None stands for the preset's own."""

    steps: int | None = None
    """Of each stage."""
    guidance: float | None = None
    """Scale s = 1 + w of classifier-free guidance; 1 is the conditional model itself."""
    temporal: bool = True
    """Whether frames see each other; without it each is made for itself."""

    def steps_or(self, own: int) -> int:
        """Those that were chosen, or the preset's own."""
        return own if self.steps is None else self.steps

    def guidance_or(self, own: float) -> float:
        """The scale that was chosen, or the preset's own."""
        return own if self.guidance is None else self.guidance


class Pipeline(nn.Module, ABC):
    """A whole system, all its stages: what ``vidgauge train`` trains and ``vidgauge sample`` samples."""

    frames: int
    """Of each video that comes out."""
    height: int
    width: int
    fps: float

    @abstractmethod
    def phases(self) -> Sequence[Phase]:
        """How it is trained, in order."""

    def learn(self, phase: Phase) -> list[Tensor]:
        """Freeze all but what a phase trains, and put that alone into training mode.

        Returns:
            The parameters of the phase, each once.
        """
        self.eval().requires_grad_(requires_grad=False)
        trained = [self.get_submodule(name).train().requires_grad_() for name in phase.trains]
        return list(dict.fromkeys(parameter for part in trained for parameter in part.parameters()))

    @abstractmethod
    def sample(
        self, captions: Sequence[str], noise_seeds: Sequence[int], options: Sampling, advance: Advance
    ) -> Iterator[Tensor]:
        """Make one video a caption.

        A video follows from its own caption and seed, whichever others are made with it.

        Args:
            captions: what the videos are to show; an empty string for nothing in particular.
            noise_seeds: of each video's noise, as many as captions.
            options: how.
            advance: told after each denoising step.

        Yields:
            uint8 chunks in the order of time, (B, t, H, W, 3): all frames at once, or a few after the other where all
            would not fit.
        """


def to_frames(video_bcthw: Tensor) -> Tensor:
    """Pixels in [-1, 1], what lies outside cut off, to uint8 (B, T, H, W, 3) on the CPU."""
    levels = ((video_bcthw.float().clamp(-1, 1) + 1) * 127.5).round()
    return levels.to(torch.uint8).permute(0, 2, 3, 4, 1).contiguous().cpu()


def from_frames(frames_bthwc: Tensor) -> Tensor:
    """uint8 (B, T, H, W, 3) to float32 ``video_bcthw`` in [-1, 1]."""
    return frames_bthwc.permute(0, 4, 1, 2, 3).contiguous().float() / 127.5 - 1


def counted(advance: Advance, steps: int) -> Callable[[], object]:
    """What samplers call after each step, so that the caller is told how many of all ``steps`` are done."""
    done = count(1)
    return lambda: advance(next(done), steps)


def no_advance(done: int, steps: int) -> None:
    """For those who do not want to be told."""
    del done, steps
