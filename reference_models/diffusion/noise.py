"""Noise of which each sample has its own: what comes out depends on neither batch, device nor dtype."""

from collections.abc import Sequence

import torch
from torch import Tensor


class Noise:
    """Standard normal noise from one CPU generator a sample.

    Args:
        seeds: one a sample.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def like(self, z: Tensor) -> Tensor:
        """New noise of ``z``'s shape (B, ...), dtype and device."""
        return self._draw(z.shape[1:], z)

    def shared_frames(self, z_bcthw: Tensor) -> Tensor:
        """One image's noise for all frames of a video: Make-A-Video, arXiv 2209.14792, section 3.2 (SR_h)."""
        channels, _, height, width = z_bcthw.shape[1:]
        return self._draw((channels, 1, height, width), z_bcthw).expand_as(z_bcthw)

    def _draw(self, shape: Sequence[int], z: Tensor) -> Tensor:
        """In float32, whatever the dtype: draws of another one would be other numbers."""
        assert len(z) == len(self._generators), f"{len(z)} samples, noise for {len(self._generators)}"
        drawn = [torch.randn(*shape, generator=own, dtype=torch.float32) for own in self._generators]
        return torch.stack(drawn).to(z)
