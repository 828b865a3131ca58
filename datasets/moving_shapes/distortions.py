"""Known damage of known severity, to see whether a measure notices it."""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Generator, Tensor

from vidgauge.errors import UsageError, near_misses


def blur(frames_thwc: Tensor, severity: float, generator: Generator) -> Tensor:  # noqa: ARG001 - nothing random here
    """Gaussian blur of each frame, with a standard deviation of up to a sixteenth of the shorter side."""
    sigma = severity * min(frames_thwc.shape[1:3]) / 16
    reach = int(3 * sigma) + 1
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    video_tchw = frames_thwc.permute(0, 3, 1, 2).float()
    channels = video_tchw.shape[1]
    for shape, padding in (((1, 1, -1, 1), (0, 0, reach, reach)), ((1, 1, 1, -1), (reach, reach, 0, 0))):
        weight = kernel.reshape(shape).repeat(channels, 1, 1, 1)
        video_tchw = F.conv2d(F.pad(video_tchw, padding, mode="replicate"), weight, groups=channels)
    return video_tchw.permute(0, 2, 3, 1)


def noise(frames_thwc: Tensor, severity: float, generator: Generator) -> Tensor:
    """White Gaussian noise, with a standard deviation of up to 64 grey levels."""
    return frames_thwc + 64 * severity * torch.randn(frames_thwc.shape, generator=generator)


def shuffle(frames_thwc: Tensor, severity: float, generator: Generator) -> Tensor:
    """Some frames, up to all of them, change places: each of those goes where another was."""
    count = round(severity * len(frames_thwc))
    moved = torch.randperm(len(frames_thwc), generator=generator)[:count]
    order = torch.arange(len(frames_thwc))
    order[moved] = moved.roll(1)  # a cycle in random order: none of them stays
    return frames_thwc[order]


def freeze(frames_thwc: Tensor, severity: float, generator: Generator) -> Tensor:  # noqa: ARG001
    """The video stops early: up to all frames after the first repeat the last one that was shown."""
    last = len(frames_thwc) - 1
    return frames_thwc[torch.arange(last + 1).clamp(max=last - round(severity * last))]


DISTORTIONS: dict[str, Callable[[Tensor, float, Generator], Tensor]] = {
    "blur": blur,
    "noise": noise,
    "shuffle": shuffle,
    "freeze": freeze,
}


def distort(frames_thwc: Tensor, name: str, severity: float, seed: int) -> Tensor:
    """Damage a video.

    Args:
        frames_thwc: uint8, (T, H, W, C).
        name: one of `DISTORTIONS`.
        severity: from 0, which returns the video as it is, to 1, the worst.
        seed: of what is random in the damage.

    Returns:
        uint8, of the same shape.

    Raises:
        UsageError: for a distortion or severity that does not exist.
    """
    if name not in DISTORTIONS:
        raise UsageError(f"there is no distortion {name!r}; {near_misses(name, list(DISTORTIONS))}")
    if not 0 <= severity <= 1:
        raise UsageError(f"a severity of {severity} is not between 0 and 1")
    if severity == 0:
        return frames_thwc.clone()
    damaged = DISTORTIONS[name](frames_thwc, severity, Generator().manual_seed(seed))
    if damaged.is_floating_point():
        damaged = damaged.round().clamp(0, 255)
    return damaged.to(torch.uint8)
