"""What tokens are told of where they are in the frame and in time."""

import math

import torch
from torch import Tensor

LONGEST = 10_000.0
"""The longest wavelength of positions over 2 pi, as in Vaswani et al., arXiv 1706.03762, section 3.5."""


def sinusoids(numbers: Tensor, channels: int) -> Tensor:
    """Sines, then cosines, of numbers of any shape at geometric frequencies: (..., channels) in float64."""
    half = channels // 2
    exponents = torch.arange(half, dtype=torch.float64, device=numbers.device) / half
    angles = numbers[..., None] * torch.exp(-math.log(LONGEST) * exponents)
    return torch.cat([angles.sin(), angles.cos()], -1)


def places_in_frame(height: int, width: int, channels: int, device: torch.device) -> Tensor:
    """(h, w, d): half of the channels for the column, half for the row, as DiT (Peebles and Xie, arXiv 2212.09748)."""
    rows, columns = torch.meshgrid(
        torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij"
    )
    return torch.cat([sinusoids(columns, channels // 2), sinusoids(rows, channels // 2)], -1)


def places_in_time(frames: int, frame_mask: Tensor | None, channels: int, device: torch.device) -> Tensor:
    """(T, 1, 1, d) or, where each clip has a mask of its own, (B, T, 1, 1, d).

    A frame that sees no other is an image, and has the place of a clip's first frame, which images have.
    """
    numbers = torch.arange(frames, device=device)
    if frame_mask is not None:
        itself = torch.eye(frames, dtype=torch.bool, device=device)
        numbers = torch.where((frame_mask.to(device) & ~itself).any(-1), numbers, 0)
    return sinusoids(numbers, channels)[..., None, None, :]
