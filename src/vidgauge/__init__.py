"""vidgauge: how fast, how big and how good a video diffusion model is, each number with its protocol."""

from importlib.metadata import version

__version__ = version("vidgauge")
