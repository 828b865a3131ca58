"""Frames cut into patches and put together again; the latter is depth-to-space as well."""

from torch import Tensor


def patches(video_bcthw: Tensor, size: int) -> Tensor:
    """(B, C, T, H, W) to one vector a patch: (B, T, H / size, W / size, C size^2)."""
    batch, channels, time, height, width = video_bcthw.shape
    cut = video_bcthw.reshape(batch, channels, time, height // size, size, width // size, size)
    return cut.permute(0, 2, 3, 5, 1, 4, 6).flatten(4)


def from_patches(tokens_bthwe: Tensor, size: int) -> Tensor:
    """(B, T, h, w, C size^2) to (B, C, T, size h, size w): each vector becomes a patch of size x size."""
    cut = tokens_bthwe.reshape(*tokens_bthwe.shape[:-1], -1, size, size)
    return cut.permute(0, 4, 1, 2, 5, 3, 6).flatten(5, 6).flatten(3, 4)
