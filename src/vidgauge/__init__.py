"""vidgauge: how fast, how big and how good a video diffusion model is, each number with its protocol."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __version__: str


def __getattr__(name: str) -> str:
    # The version is read when asked for: every decoder process imports this file, and importlib.metadata costs 3 MB.
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("vidgauge")
