"""Damage to each frame by itself: what lossy coding, poor lenses and poor sensors do."""

import math

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Generator, Tensor

_BLOCK = 8  # of JPEG, MPEG and H.26x alike


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


def blockiness(frames_thwc: Tensor, severity: float, generator: Generator) -> Tensor:  # noqa: ARG001
    """Coarse coding: the cosine transforms of 8x8 blocks are rounded to multiples of up to 256.

    The transform is orthonormal, of grey levels less 128 (as in JPEG, ITU-T T.81, A.3), and all frequencies are
    rounded alike.
    """
    step = 256 * severity
    frames, height, width, channels = frames_thwc.shape
    video_tchw = frames_thwc.permute(0, 3, 1, 2).float() - 128
    video_tchw = F.pad(video_tchw, (0, -width % _BLOCK, 0, -height % _BLOCK), mode="replicate")
    blocks = video_tchw.reshape(frames, channels, -(-height // _BLOCK), _BLOCK, -(-width // _BLOCK), _BLOCK)
    basis = _cosines()
    coefficients = torch.einsum("ui,tcyixj,vj->tcyuxv", basis, blocks, basis)
    # Flat blocks can lie just between two multiples: which of them it is must not hang on the last bit.
    levels = (coefficients / step - 1e-4).round()
    decoded = torch.einsum("ui,tcyuxv,vj->tcyixj", basis, levels * step, basis)
    return decoded.reshape(video_tchw.shape)[:, :, :height, :width].permute(0, 2, 3, 1) + 128


def _cosines() -> Tensor:
    """The orthonormal basis of DCT-II, a row a frequency: (8, 8)."""
    at, frequency = torch.arange(_BLOCK), torch.arange(_BLOCK)[:, None]
    basis = torch.cos(math.pi * (2 * at + 1) * frequency / (2 * _BLOCK)) * math.sqrt(2 / _BLOCK)
    basis[0] /= math.sqrt(2)
    return basis
