"""Damage to the order and pace of frames, which themselves stay as they are."""

import torch
from torch import Generator, Tensor


def shuffle(frames_thwc: Tensor, severity: float, generator: Generator) -> Tensor:
    """Some frames, up to all of them, change places: each of those goes where another was."""
    count = round(severity * len(frames_thwc))
    moved = torch.randperm(len(frames_thwc), generator=generator)[:count]
    order = torch.arange(len(frames_thwc))
    order[moved] = moved.roll(1)  # a cycle in random order: none of them stays
    return frames_thwc[order]


def freeze(frames_thwc: Tensor, severity: float, generator: Generator) -> Tensor:  # noqa: ARG001 - nothing random here
    """The video stops early: up to all frames after the first repeat the last one that was shown."""
    last = len(frames_thwc) - 1
    return frames_thwc[torch.arange(last + 1).clamp(max=last - round(severity * last))]


def drop(frames_thwc: Tensor, severity: float, generator: Generator) -> Tensor:
    """Some frames, up to all after the first, are lost; the last one that came is shown in their place."""
    last = len(frames_thwc) - 1
    lost = 1 + torch.randperm(last, generator=generator)[: round(severity * last)]
    shown = torch.arange(last + 1)
    shown[lost] = 0
    return frames_thwc[shown.cummax(0).values]


def reverse(frames_thwc: Tensor, severity: float, generator: Generator) -> Tensor:  # noqa: ARG001
    """The end of the video, up to all of it, runs backwards."""
    kept = len(frames_thwc) - round(severity * len(frames_thwc))
    return torch.cat([frames_thwc[:kept], frames_thwc[kept:].flip(0)])


def jitter(frames_thwc: Tensor, severity: float, generator: Generator) -> Tensor:
    """Poor timing: each frame comes from another moment, up to half the video earlier or later."""
    frames = len(frames_thwc)
    off = severity * frames / 2 * (2 * torch.rand(frames, generator=generator) - 1)
    return frames_thwc[(torch.arange(frames) + off.round().long()).clamp(0, frames - 1)]


def speed(frames_thwc: Tensor, severity: float, generator: Generator) -> Tensor:  # noqa: ARG001
    """The video runs faster, up to twice as fast, and so has fewer frames."""
    at = torch.arange(len(frames_thwc), dtype=torch.float64) * (1 + severity)
    return frames_thwc[at[at < len(frames_thwc)].long()]
