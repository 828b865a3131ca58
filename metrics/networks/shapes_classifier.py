"""A small 3-D convolutional classifier of Moving Shapes: the embedded world's stand-in for I3D and C3D."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vidgauge.datasets.moving_shapes.scene import MOTIONS, SHAPES
from vidgauge.metrics.networks import NETWORKS, InputSpec, probabilities

Triple = tuple[int, int, int]
"""Of time, height and width."""
_AT_ONCE = 2
"""Clips on a CPU: what they are unfolded to in float64 fits its caches, and in float32 one alone goes a slower way."""


class Classified(NamedTuple):
    """What the classifier says about a batch."""

    features_nd: Tensor
    """(N, 64), non-negative: the mean of the last layer over time and space."""
    logits_nk: Tensor
    """(N, K), one for each of `class_names`."""


@NETWORKS.register("shapes-classifier")
class ShapesClassifier(nn.Module):
    """Names the shape and its motion.

    It is built for its world: space wraps around in its convolutions as it does in the frames, what moves is shown
    to it as the difference from the clip's mean frame, and a class's logit is the sum of its motion's and its shape's.
    """

    input = InputSpec(frames=16, height=64, width=64)

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_layer(6, 12, kernel=(1, 3, 3), stride=(1, 2, 2)),
            *_layer(12, 24, kernel=(3, 3, 3), stride=(1, 2, 2)),
            *_layer(24, 48, kernel=(3, 3, 3), stride=(2, 2, 2)),
            *_layer(48, 64, kernel=(3, 3, 3), stride=(2, 1, 1)),
            *_layer(64, 64, kernel=(3, 3, 3), stride=(1, 2, 2)),
        )
        self.motion = nn.Linear(64, len(MOTIONS))
        self.shape = nn.Linear(64, len(SHAPES))

    def forward(self, video_bcthw: Tensor) -> Classified:
        """Classify clips, float in [0, 1], (B, 3, 16, 64, 64)."""
        change = video_bcthw - video_bcthw.mean(dim=2, keepdim=True)
        features_nd = self.layers(torch.cat([video_bcthw - 0.5, 2 * change], dim=1)).mean(dim=(2, 3, 4))
        logits_nms = self.motion(features_nd)[:, :, None] + self.shape(features_nd)[:, None, :]
        return Classified(features_nd, logits_nms.flatten(1))

    def extract(self, video_bcthw: Tensor) -> dict[str, Tensor]:
        """What measures read: ``features_nd`` (B, 64) and ``probabilities_nk`` (B, K)."""
        at_once = torch.split(video_bcthw, _AT_ONCE) if video_bcthw.is_cpu else [video_bcthw]
        features_nd, logits_nk = map(torch.cat, zip(*(self(clips) for clips in at_once), strict=True))
        return {"features_nd": features_nd, "probabilities_nk": probabilities(logits_nk)}


class TorusConv3d(nn.Conv3d):
    """A convolution for odd kernels that pads time with zeros and wraps space around."""

    def __init__(self, inputs: int, outputs: int, kernel: Triple, stride: Triple) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding=(kernel[0] // 2, 0, 0), bias=False)
        self._reach = kernel[1] // 2

    def forward(self, video_bcthw: Tensor) -> Tensor:
        """Convolve (B, C, T, H, W)."""
        for dim in (3, 4):
            start, end = video_bcthw.narrow(dim, 0, self._reach), video_bcthw.narrow(dim, -self._reach, self._reach)
            video_bcthw = torch.cat([end, video_bcthw, start], dim)
        return super().forward(video_bcthw)


def _layer(inputs: int, outputs: int, kernel: Triple, stride: Triple) -> list[nn.Module]:
    return [TorusConv3d(inputs, outputs, kernel, stride), nn.BatchNorm3d(outputs), nn.ReLU()]
