"""Elastic displacement of pixels: equal damage to each frame, with time intact or not.

By comparing the two, the share of time in what a measure notices can be told (Ge et al., On the Content Bias in
Fréchet Video Distance, CVPR 2024, section 3: distortions of equal frame quality).
"""

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Generator, Tensor

_GRID = 5
"""Points of a field along each side, between which it is smooth."""


def warp(frames_thwc: Tensor, severity: float, generator: Generator) -> Tensor:
    """Each frame is bent in the same way, by a smooth random field of up to a sixteenth of the shorter side."""
    return _bent(frames_thwc, severity, generator, fields=1)


def wobble(frames_thwc: Tensor, severity: float, generator: Generator) -> Tensor:
    """Each frame is bent as by ``warp``, but by a field of its own: seen alone, no frame is worse than there."""
    return _bent(frames_thwc, severity, generator, fields=len(frames_thwc))


def _bent(frames_thwc: Tensor, severity: float, generator: Generator, fields: int) -> Tensor:
    """Displacements are normal at the points of the grid; their standard deviation is what is said of the size."""
    video_tchw = frames_thwc.permute(0, 3, 1, 2).float()
    frames, _, height, width = video_tchw.shape
    coarse = torch.randn(fields, 2, _GRID, _GRID, generator=generator) * severity * min(height, width) / 16
    by_thw2 = F.interpolate(coarse, (height, width), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    straight = F.affine_grid(torch.eye(2, 3)[None], [1, 1, height, width], align_corners=False)
    grid = straight + by_thw2 * 2 / torch.tensor([width, height])  # grid_sample's unit is half a side
    grid = grid.expand(frames, -1, -1, -1)
    return F.grid_sample(video_tchw, grid, padding_mode="border", align_corners=False).permute(0, 2, 3, 1)
