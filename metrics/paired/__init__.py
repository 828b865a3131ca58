"""Paired measures: each generated video against the real one of the same name, frame by frame. `measures` has them.

They need no sets: a number is a mean over pairs. Which file goes with which is said by `pairing`, and `scoring` decodes
both sides in step.
"""

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from vidgauge.errors import UsageError
from vidgauge.metrics.arrays import Array
from vidgauge.metrics.means import Mean
from vidgauge.metrics.measures import AnyMeasure
from vidgauge.metrics.paired.evidence import PairedEvidence
from vidgauge.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor, nn


class PairedMeasure(AnyMeasure):
    """A measure of pairs of videos: of their frames, side by side."""

    paired: ClassVar[bool] = True
    compares: ClassVar[bool] = True
    needs_network: ClassVar[bool] = False

    @abstractmethod
    def frames(self, real_tchw: "Tensor", generated_tchw: "Tensor", network: "nn.Module | None" = None) -> Array:
        """One number a frame.

        Args:
            real_tchw: (T, 3, H, W), either ``uint8`` or float in [0, 1].
            generated_tchw: the same frames of the other video.
            network: what it looks through, if it needs a network.

        Returns:
            (T,), float64; infinity where a convention has no finite number.

        Raises:
            UsageError: for other shapes, types or ranges, or frames that are too small.
        """

    def smallest(self, network: "nn.Module | None" = None) -> int:  # noqa: ARG002 - of those that look through one
        """Fewest pixels along either side of a frame.

        Raises:
            UsageError: for a network that it cannot look through.
        """
        return 1

    def clip(self, frames_t: Array) -> float:
        """The number of a clip from those of its frames: their mean, unless a convention wants another."""
        return float(frames_t.mean())

    def statistic(self, *sets: PairedEvidence) -> Mean:
        """The mean over clips, as a function of how often each of them counts.

        Raises:
            UsageError: where there is no pair.
        """
        (pairs,) = sets
        if not len(pairs):
            raise UsageError(f"{self.measure.name} needs a pair, and there is none: {pairs.why_none()}")
        return Mean(pairs.values_n)

    def notes(self, *sets: PairedEvidence) -> list[str]:
        """The deviation that papers print."""
        (pairs,) = sets
        deviation = np.concatenate(pairs.frames).std()
        return [f"standard deviation over all frames, as published: {deviation:.4g}"]


PAIRED: Registry[type[PairedMeasure]] = Registry("paired measure", "vidgauge.metrics.paired.measures")
