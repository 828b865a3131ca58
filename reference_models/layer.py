"""What every layer of the zoo is: one operator, made from plain numbers."""

from collections.abc import Sequence
from typing import Any

from vidgauge.errors import UsageError
from vidgauge.reference_models.cost import Grid
from vidgauge.reference_models.measured import Measured

Execution = dict[str, str]
"""Constructor arguments that choose how an operator is carried out, not what it gives."""


class Layer(Measured):
    """An operator on video. Its constructor's keyword arguments are its configuration: what a TOML file can hold."""

    @classmethod
    def example(cls, channels: int, grid: Grid) -> dict[str, Any]:
        """Arguments of a usual layer of this kind for an input of that many channels and that (T, H, W).

        Lists, contests and tests build a layer from them where nobody chose. A layer without them is left out there.
        """
        del channels, grid
        return {}

    @classmethod
    def executions(cls) -> Sequence[Execution]:
        """Ways to carry the operator out: same parameters under the same names, same result up to rounding.

        Each is a set of constructor arguments; the first is the default. Which of them run depends on the machine.
        """
        return [{}]


def check_counts(**counts: int) -> None:
    """Refuse anything but whole numbers above 0 (channels, heads, extents)."""
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise UsageError(f"{name} is {count!r}; it must be a whole number of at least 1")


def check_kernels(**sizes: int) -> None:
    """Refuse even kernels: same padding puts as many zeros before as after."""
    check_counts(**sizes)
    for name, size in sizes.items():
        if size % 2 == 0:
            raise UsageError(f"{name} is {size}; same padding needs an odd size such as {size - 1} or {size + 1}")


def check_extents(name: str, extents: Sequence[int], axes: Sequence[str] = ("time", "height", "width")) -> list[int]:
    """Refuse anything but one whole number above 0 for each axis (windows, tiles, strides)."""
    if not isinstance(extents, Sequence) or len(extents) != len(axes):
        raise UsageError(f"{name} is {extents!r}; it must be {len(axes)} whole numbers: {', '.join(axes)}")
    check_counts(**{f"{name}_{axis}": extent for axis, extent in zip(axes, extents, strict=True)})
    return list(extents)


def check_choice(name: str, choice: str, allowed: Sequence[str]) -> None:
    """Refuse a word that is not among those allowed."""
    if choice not in allowed:
        raise UsageError(f"{name} is {choice!r}; choose one of {', '.join(allowed)}")
