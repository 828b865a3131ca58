"""A network applied piece by piece, so that its activations need not fit at once.

Every denoising step is taken on the whole video; the network sees it in tiles, each with a margin that is thrown away
afterwards. So noise, thresholds and samplers are those of the whole, and the result is the same as without tiles where
the margin covers what the network can see: ``reach``. With a smaller one it is an approximation near the seams.

Held at once are a few videos of the stage's size, 3 numbers a pixel (1.5 GB for 128 x 768 x 1280 in float32) rather
than activations, some hundred a pixel.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import torch

from vidgauge.reference_models.cost import Grid

Network = Callable[..., torch.Tensor]
"""From videos of one shape, (B, C, T, H, W), to a video of that shape."""


class Span(NamedTuple):
    """A piece of one axis."""

    shown: slice
    """What the network sees, of the whole."""
    kept: slice
    """What is kept, of the whole."""
    inside: slice
    """What is kept, of what the network gives."""


def spans(extent: int, size: int, margin: int) -> Iterator[Span]:
    """Pieces of ``size`` in order, each with up to ``margin`` on both sides."""
    for start in range(0, extent, size):
        stop = min(start + size, extent)
        first = max(0, start - margin)
        yield Span(slice(first, min(stop + margin, extent)), slice(start, stop), slice(start - first, stop - first))


@dataclass(frozen=True)
class Tiles:
    """How a video is cut.

    Args:
        size: T, H and W of what each call adds to the result.
        margin: how much around it the network is shown, where there is more. Sizes and margins in space must be
            multiples of how many places are one at the lowest resolution, or strides would fall on others.
    """

    size: Grid
    margin: Grid

    def apply(self, network: Network, videos: Sequence[torch.Tensor], device: torch.device) -> torch.Tensor:
        """The network's output on the whole, on the videos' own device.

        Args:
            network: given the same tile of all videos, on ``device``.
            videos: the first is as the output.
            device: where the network is.
        """
        whole = torch.empty_like(videos[0])
        axes = zip(videos[0].shape[2:], self.size, self.margin, strict=True)
        for tile in product(*(list(spans(*axis)) for axis in axes)):
            time, height, width = tile
            shown = (..., time.shown, height.shown, width.shown)
            out = network(*(video[shown].to(device) for video in videos))
            kept = out[..., time.inside, height.inside, width.inside]
            whole[..., time.kept, height.kept, width.kept] = kept.to(whole)
        return whole
