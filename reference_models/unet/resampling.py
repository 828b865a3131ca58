"""Half or twice the height and width; time is never touched. Odd extents are rounded up on the way down."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from vidgauge.reference_models.layers.spatial_conv import SpatialConv


class StridedDown(nn.Module):
    """A 1 x 3 x 3 convolution with stride 2 (Ho et al., arXiv 2006.11239)."""

    def __init__(self, channels: int, out_channels: int | None = None) -> None:
        super().__init__()
        self.convolution = SpatialConv(channels, out_channels or channels, stride=(1, 2, 2))

    def forward(self, video_bcthw: torch.Tensor, given: Any = None) -> torch.Tensor:  # noqa: ANN401 - not looked at
        """(B, C, T, H, W) to (B, C', T, ceil(H / 2), ceil(W / 2))."""
        del given
        out: torch.Tensor = self.convolution(video_bcthw)
        return out


class ConvolvedUp(nn.Module):
    """Each place four times, then a 1 x 3 x 3 convolution."""

    def __init__(self, channels: int, out_channels: int | None = None) -> None:
        super().__init__()
        self.convolution = SpatialConv(channels, out_channels or channels)

    def forward(self, video_bcthw: torch.Tensor, given: Any = None) -> torch.Tensor:  # noqa: ANN401 - not looked at
        """(B, C, T, H, W) to (B, C', T, 2 H, 2 W)."""
        del given
        out: torch.Tensor = self.convolution(repeated(video_bcthw))
        return out


def averaged(video_bcthw: torch.Tensor) -> torch.Tensor:
    """The mean of each 2 x 2 places: (B, C, T, H, W) to (B, C, T, ceil(H / 2), ceil(W / 2))."""
    return functional.avg_pool3d(video_bcthw, (1, 2, 2), ceil_mode=True)


def repeated(video_bcthw: torch.Tensor) -> torch.Tensor:
    """Each place four times: (B, C, T, H, W) to (B, C, T, 2 H, 2 W)."""
    return functional.interpolate(video_bcthw, scale_factor=(1, 2, 2), mode="nearest")
