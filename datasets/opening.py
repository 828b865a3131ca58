"""Data sets by name."""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.sample import Sample
from vidgauge.datasets.sources import SOURCES


def open(  # noqa: A001 - the public name is vidgauge.datasets.open
    name: str,
    root: str | PathLike[str] | None = None,
    split: str | None = None,
    clip: ClipRule | None = None,
) -> Iterable[Sample]:
    """Open a data set.

    Args:
        name: one of ``vidgauge list datasets``, such as "folder" or "moving-shapes".
        root: where its files are, for those that have files.
        split: which part of it, such as "train"; each data set has its own.
        clip: how clips are cut; without it each sample is a whole video.

    Returns:
        The samples, in an order that is the same on every machine; it can be iterated again and again.

    Raises:
        UsageError: no such data set or split, or no videos where it looks for them.
    """
    return SOURCES[name](None if root is None else Path(root), split, clip)
