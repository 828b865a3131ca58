"""Videos longer, larger or faster than the model's clips: section 3.1 of Video Diffusion Models, window by window.

One model of clips, never trained for it, is conditioned on what is known of each window: frames that the window before
has made, key frames, a smaller version of the whole video, or several of these at once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vidgauge.errors import UsageError
from vidgauge.reference_models.diffusion import Denoise, Noise
from vidgauge.reference_models.diffusion.reconstruction import Known, extended, superresolved

Draw = Callable[[Denoise], Tensor]
"""Samples one clip with a denoiser."""


@dataclass(frozen=True, eq=False)
class Task:
    """What is wanted, and what is known of it."""

    frames: int
    """Of the whole video."""
    overlap: int
    """Frames that a window has from the one before."""
    weight: float
    """w_r of reconstruction guidance."""
    low_bcthw: Tensor | None = None
    """The whole video at a smaller size."""
    keys_bcthw: Tensor | None = None
    """Every ``every``-th frame, from the first."""
    every: int = 1

    def check(self, length: int) -> None:
        """Refuse what windows of that length cannot do.

        Raises:
            UsageError: saying what they can.
        """
        if self.frames < length:
            raise UsageError(f"{self.frames} frames asked for, but one clip of the model has {length}; ask for as many")
        if not 1 <= self.overlap < length:
            raise UsageError(f"overlap is {self.overlap}; it must be between 1 and {length - 1}")


def windows(frames: int, length: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Where each window starts, and how many of its frames are there already; the last one ends with the video."""
    made = 0
    while made < frames:
        start = min(max(0, made - overlap), frames - length)
        yield start, made - start
        made = start + length


def in_windows(denoise: Denoise, draw: Draw, noise: Noise, task: Task, length: int) -> Iterator[Tensor]:
    """The frames that each window adds, (B, C, t, H, W).

    Args:
        denoise: the model of clips.
        draw: samples a clip of ``length`` frames with what ``denoise`` has become.
        noise: for the noisy versions of known frames.
        task: what is wanted.
        length: frames of a clip.
    """
    task.check(length)
    before, started = None, 0
    for start, there in windows(task.frames, length, task.overlap):
        made = None if before is None else before[:, :, start - started :]
        clip = draw(_conditioned(denoise, noise, task, start, length, made))
        yield clip[:, :, there:]
        before, started = clip, start


def _conditioned(denoise: Denoise, noise: Noise, task: Task, start: int, length: int, made: Tensor | None) -> Denoise:
    """The denoiser of one window."""
    low = None if task.low_bcthw is None else task.low_bcthw[:, :, start : start + length]
    known = _known(task, start, length, made)
    if known:
        frames = list(known)
        whole = torch.stack([known.get(frame, known[frames[0]]) for frame in range(length)], 2)
        return extended(denoise, Known(whole, frames, noise), task.weight, low)
    return denoise if low is None else superresolved(denoise, low, task.weight)


def _known(task: Task, start: int, length: int, made: Tensor | None) -> dict[int, Tensor]:
    """Known frames of the window, each (B, C, H, W), by their places in it."""
    known: dict[int, Tensor] = {}
    if task.keys_bcthw is not None:
        first = -start % task.every
        known |= {
            place: task.keys_bcthw[:, :, (start + place) // task.every] for place in range(first, length, task.every)
        }
    if made is not None:
        known |= dict(enumerate(made.unbind(2)))
    return known
