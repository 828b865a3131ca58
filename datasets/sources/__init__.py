"""The data sets that ``vidgauge.datasets.open`` knows: one file each.

A TOML file describes one whose files lie in a known way (``vidgauge.datasets.layouts.Layout`` has the fields), and a
module registers any other. An entry is called with ``root``, ``split`` and ``clip`` and answers with an iterable of
samples. Modules here import torch when they are called, not before: the command line lists data sets without it.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.layouts import Layout
from vidgauge.datasets.sample import Sample
from vidgauge.registry import Registry


class Source(Protocol):
    """What is registered for a data set."""

    def __call__(self, root: Path | None, split: str | None, clip: ClipRule | None) -> Iterable[Sample]:
        """The samples of one split; whole videos where there is no clip rule."""


SOURCES: Registry[Source] = Registry("dataset", "vidgauge.datasets.sources", parse=Layout.model_validate)
