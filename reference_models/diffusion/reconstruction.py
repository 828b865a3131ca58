"""Reconstruction guidance: a model of whole videos made to go on from known frames, or to fill in a small video.

Video Diffusion Models, section 3.1: the estimate is moved down the gradient of its distance from what is known,
``x~ = x^ - (w alpha / 2) grad_z |known - known^(z)|^2``, the gradient taken through the network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vidgauge.reference_models.diffusion.level import Level, spread
from vidgauge.reference_models.diffusion.noise import Noise
from vidgauge.reference_models.diffusion.prediction import Denoise, Estimate, from_x
from vidgauge.reference_models.resizing import resized


@dataclass(frozen=True)
class Known:
    """Frames that are known beforehand."""

    video_bcthw: Tensor
    """Of the whole length, in [-1, 1]; what it holds at other frames is not looked at."""
    frames: Sequence[int]
    """Which frames."""
    noise: Noise
    """For the known frames' noisy versions."""

    @property
    def mask_t11(self) -> Tensor:
        """True at known frames: (T, 1, 1), which broadcasts against a video."""
        mask = torch.zeros(self.video_bcthw.shape[2], 1, 1, dtype=torch.bool, device=self.video_bcthw.device)
        mask[list(self.frames)] = True
        return mask

    def into(self, video_bcthw: Tensor) -> Tensor:
        """A video with these frames in their places."""
        return torch.where(self.mask_t11, self.video_bcthw, video_bcthw)

    def replace(self, z: Tensor, level: Level) -> Tensor:
        """Put known frames into z, drawn from the forward process, anew at each call ("replacement")."""
        noisy = level.noised(self.video_bcthw, self.noise.like(z))
        return torch.where(self.mask_t11, noisy, z)


def extended(denoise: Denoise, known: Known, weight: float, low: Tensor | None = None) -> Denoise:
    """The unknown frames, given the known ones.

    The noisy known frames are replaced before each call, so that it does not matter what a sampler makes of them; their
    estimate is the known frames themselves.

    Args:
        denoise: a model of whole videos, guided by text or not; clip what comes out, not what goes in.
        known: the frames it is to go on from.
        weight: w of the gradient; 0 is replacement alone, without going back through the network. The paper uses 9 and
            50.
        low: a smaller version of the whole video (B, C, T, h, w), where that is known too.
    """

    def error(x: Tensor) -> Tensor:
        off = torch.where(known.mask_t11, x - known.video_bcthw, 0.0).square().sum()
        return off if low is None else off + _off_when_small(x, low)

    def guided(z: Tensor, level: Level) -> Estimate:
        x = _moved(denoise, known.replace(z, level), level, error, weight)
        return from_x(known.into(x), z, level)

    return guided


def superresolved(denoise: Denoise, low: Tensor, weight: float) -> Denoise:
    """The whole video, given a smaller one (B, C, T, h, w): section 3.1, spatial super-resolution. Nothing is replaced.

    The small video is compared with the estimate's bilinear reduction.
    """

    def guided(z: Tensor, level: Level) -> Estimate:
        return from_x(_moved(denoise, z, level, lambda x: _off_when_small(x, low), weight), z, level)

    return guided


def _off_when_small(x: Tensor, low: Tensor) -> Tensor:
    return (resized(x, *low.shape[-2:]) - low).square().sum()


def _moved(denoise: Denoise, z: Tensor, level: Level, error: Callable[[Tensor], Tensor], weight: float) -> Tensor:
    """``x^ - (w alpha / 2) grad_z error(x^)``. Samples do not touch each other, so the sum has each one's gradient."""
    if weight == 0:
        return denoise(z, level).x
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        x = denoise(z, level).x
        (gradient,) = torch.autograd.grad(error(x), z)
    return x.detach() - spread(0.5 * weight * level.alpha_b, x) * gradient
