"""Videos beyond the model's clips, window by window: section 3.1 of Video Diffusion Models.

One model of clips, never trained for it, is conditioned on what is known of each window: first frames, what the window
before has made, key frames, a smaller version of the whole video, or several of these at once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vidgauge.errors import UsageError
from vidgauge.reference_models.diffusion import Denoise, Noise
from vidgauge.reference_models.diffusion.reconstruction import Known, extended, superresolved
from vidgauge.reference_models.layer import check_counts

Draw = Callable[[Denoise], Tensor]
"""Samples one clip with a denoiser."""


@dataclass(frozen=True, eq=False)
class Task:
    """What is wanted, and what is known of it in [-1, 1]."""

    frames: int
    """Of the whole video."""
    overlap: int
    """Frames that a window has from the one before."""
    weight: float
    """w_r of reconstruction guidance."""
    first_bcthw: Tensor | None = None
    """The first frames, fewer than all."""
    low_bcthw: Tensor | None = None
    """All frames at a smaller size."""
    keys_bcthw: Tensor | None = None
    """Every ``every``-th frame, from the first to the last."""
    every: int = 1

    def check(self, length: int) -> None:
        """Refuse what windows of that length cannot do.

        Raises:
            UsageError: saying what they can.
        """
        check_counts(frames=self.frames, every=self.every)
        if self.frames < length:
            raise UsageError(f"{self.frames} frames asked for, but one clip of the model has {length}; ask for as many")
        if not 1 <= self.overlap < length:
            raise UsageError(f"overlap is {self.overlap}; it must be between 1 and {length - 1}")
        if self.first_bcthw is not None and not 1 <= self.first_bcthw.shape[2] < self.frames:
            raise UsageError(
                f"{self.first_bcthw.shape[2]} first frames of {self.frames}; there must be fewer, at least 1"
            )
        if self.low_bcthw is not None and self.low_bcthw.shape[2] != self.frames:
            raise UsageError(f"{self.low_bcthw.shape[2]} small frames of {self.frames}; give all of them")
        if self.keys_bcthw is not None and (self.keys_bcthw.shape[2] - 1) * self.every + 1 != self.frames:
            raise UsageError(
                f"{self.keys_bcthw.shape[2]} key frames, one in {self.every}, span "
                f"{(self.keys_bcthw.shape[2] - 1) * self.every + 1} frames, not {self.frames}"
            )

    def windows(self, length: int) -> Iterator[tuple[int, int]]:
        """Where each starts, and how many of its frames are there already; the last one ends with the video."""
        made = 0 if self.first_bcthw is None else self.first_bcthw.shape[2]
        while made < self.frames:
            start = min(max(0, made - self.overlap), self.frames - length)
            yield start, made - start
            made = start + length


def in_windows(denoise: Denoise, draw: Draw, noise: Noise, task: Task, length: int) -> Iterator[Tensor]:
    """The frames that each window adds, (B, C, t, H, W), after those that were given first.

    Args:
        denoise: the model of clips.
        draw: samples a clip of ``length`` frames with what ``denoise`` has become.
        noise: for the noisy versions of known frames.
        task: what is wanted.
        length: frames of a clip.
    """
    before, started = task.first_bcthw, 0
    if before is not None:
        yield before
    for start, there in task.windows(length):
        made = None if before is None else before[:, :, start - started :]
        clip = draw(_conditioned(denoise, noise, task, start, length, made))
        yield clip[:, :, there:]
        before, started = clip, start


def _conditioned(denoise: Denoise, noise: Noise, task: Task, start: int, length: int, made: Tensor | None) -> Denoise:
    """The denoiser of one window."""
    low = None if task.low_bcthw is None else task.low_bcthw[:, :, start : start + length]
    known = _known(task, start, length, made)
    if known:
        anything = next(iter(known.values()))
        whole = torch.stack([known.get(place, anything) for place in range(length)], 2)
        return extended(denoise, Known(whole, list(known), noise), task.weight, low)
    return denoise if low is None else superresolved(denoise, low, task.weight)


def _known(task: Task, start: int, length: int, made: Tensor | None) -> dict[int, Tensor]:
    """Known frames of the window, each (B, C, H, W), by their places in it."""
    known: dict[int, Tensor] = {}
    if task.keys_bcthw is not None:
        places = range(-start % task.every, length, task.every)
        known |= {place: task.keys_bcthw[:, :, (start + place) // task.every] for place in places}
    if made is not None:
        known |= dict(enumerate(made.unbind(2)))
    return known
