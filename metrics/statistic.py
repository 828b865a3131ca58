"""What the statistics have in common, so that intervals can be made of any of them."""

from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from vidgauge.metrics.arrays import Array


class Rows(Protocol):
    """Samples, one a row of the first axis: an array, or what comes block by block from a disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all of them."""
        ...

    def __getitem__(self, part: slice, /) -> NDArray[Any]:
        """Some that follow each other, as an array."""
        ...

    def __array__(self) -> NDArray[Any]:
        """All of them at once, for whoever has the memory."""
        ...


class Statistic(Protocol):
    """A number that one or two sets of samples have."""

    def __call__(self, *counts: Array) -> float:
        """The number, if the samples of each set count as often as its (N,) array says; once if none are given."""
        ...


@runtime_checkable
class Smooth(Statistic, Protocol):
    """A statistic that can say what each sample contributes."""

    def influences(self) -> tuple[Array, ...]:
        """For each set (N,): the derivative of the number by how often each sample counts, where all count once.

        Of a mean over n samples that is ``(x_i - mean) / n``.
        """
        ...
