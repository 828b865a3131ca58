"""The reference systems: one file each, which registers its presets. torch is imported when they are opened."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidgauge.errors import UsageError
from vidgauge.registry import Registry

if TYPE_CHECKING:
    from vidgauge.reference_models.measured import Takes
    from vidgauge.reference_models.system import System


@dataclass(frozen=True)
class Preset:
    """One size of one network, under a name such as ``vdm/small`` or ``imagen-video/tsr1``."""

    summary: str
    """What it is, in a line."""
    takes: "Takes"
    """As of what it makes: known without making it."""
    make: Callable[[], "System"]
    """Builds it, on torch's default device and from torch's default generator."""


SYSTEMS: Registry[Preset] = Registry("system", "vidgauge.reference_models.systems")


def presets() -> list[str]:
    """The names of all presets, sorted."""
    return SYSTEMS.names()


def preset(name: str, /) -> Preset:
    """A preset by its name.

    Raises:
        UsageError: where there is none of that name, with near misses.
    """
    if not presets():
        raise UsageError(f"there is no system {name!r}: {NONE_YET}")
    return SYSTEMS[name]


NONE_YET = (
    "no reference system is there yet; each is a file in reference_models/systems, or an entry point vidgauge.system"
)


def build(name: str, /, device: str = "cpu") -> "System":
    """Make the network of a preset.

    Args:
        name: one of ``presets()``.
        device: where its weights are; on ``meta`` it takes no memory.

    Raises:
        UsageError: where there is none of that name.
    """
    import torch

    with torch.device(device):
        return preset(name).make()
