"""The measures: each a statistic over what a network made of one or two sets of videos. One file a measure."""

from abc import abstractmethod
from typing import ClassVar

from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.statistic import Statistic
from vidgauge.record import Frozen, Measure
from vidgauge.registry import Registry


class AnyMeasure(Frozen):
    """What all measures have; their fields are the parameters that a protocol may set, and unknown ones are refused."""

    measure: ClassVar[Measure]
    summary: ClassVar[str]
    compares: ClassVar[bool] = False
    """Whether it compares generated videos with real ones, or looks at the generated alone."""
    needs_captions: ClassVar[bool] = False
    needs_network: ClassVar[bool] = True
    """Whether it looks through a network, or at the frames themselves."""
    paired: ClassVar[bool] = False
    """Whether it compares each generated video with its own real one (``vidgauge.metrics.paired``), or whole sets."""


class VideoMeasure(AnyMeasure):
    """A measure of sets of videos: of what a network makes of them."""

    positive: ClassVar[bool] = False
    """Whether it scatters the more the larger it is: an interval above zero is even in its logarithm."""
    of_pairs: ClassVar[bool] = False
    """Whether pairs of clips have a say in it beside each clip by itself, so that its variance has a second order."""
    extrapolates: ClassVar[bool] = False
    """Whether it is biased by a multiple of 1/N, so that its value at infinite N can be had from parts of the sets."""

    output: str = "features_nd"
    """Which output of a network it reads, such as ``features_nd``."""

    @property
    def fewest(self) -> int:
        """Fewest clips in a set for which it is defined."""
        return 1

    def fewest_in_halves(self, *sets: Evidence) -> int:  # noqa: ARG002 - where features do not matter
        """Fewest clips in a set whose halves tell how much pairs of clips scatter (``uncertainty.variance``)."""
        return 2 * self.fewest

    @abstractmethod
    def statistic(self, *sets: Evidence) -> Statistic:
        """The measure of (real, generated) or (generated,), as a function of how often each clip of each counts."""

    def notes(self, *sets: Evidence) -> list[str]:  # noqa: ARG002 - most measures have nothing to add
        """What a reader must know about the number from these sets."""
        return []


MEASURES: Registry[type[VideoMeasure]] = Registry("measure", "vidgauge.metrics.measures")
