"""Data sets by name."""

import warnings
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.data_set import DataSet
from vidgauge.datasets.sample import Sample
from vidgauge.datasets.sources import SOURCES
from vidgauge.errors import UsageError


def open(  # noqa: A001 - the public name is vidgauge.datasets.open
    name: str,
    root: str | PathLike[str] | None = None,
    split: str | None = None,
    clip: ClipRule | None = None,
) -> Iterable[Sample]:
    """Open a data set.

    Args:
        name: one of ``vidgauge list datasets``, such as "ucf101", "folder" or "moving-shapes".
        root: where its files are, for those that have files.
        split: which part of it, such as "train"; each data set has its own.
        clip: how clips are cut; without it each sample is a whole video.

    Returns:
        The samples, in an order that is the same on every machine; it can be iterated again and again. Where there are
        files, it is a ``vidgauge.datasets.data_set.DataSet``, which also has ``entries``, ``classes``, ``absent``,
        ``failures`` and a length, and reads with several workers through ``iterate``.

    Warns:
        UserWarning: one for each thing that is not as published, such as another number of videos, or absent ones.

    Raises:
        UsageError: no such data set or split, or not the files it needs; the message says what must lie where.
    """
    opened = SOURCES[name](None if root is None else Path(root), split, clip)
    if isinstance(opened, DataSet):
        for note in opened.notes:
            warnings.warn(f"{opened.name}: {note}", stacklevel=2)
    return opened


def find_data_set(given: str | PathLike[str]) -> DataSet | None:
    """The data set that is meant by ``NAME@ROOT`` or ``NAME@ROOT:SPLIT``; None for anything else, such as a path.

    What exists under exactly that name is a path, and so is what has no name of a data set before the ``@``.

    Raises:
        UsageError: as ``open``, and for a data set without files.
    """
    name, at, where = str(given).partition("@")
    if not at or name not in SOURCES or Path(given).exists():
        return None
    root, colon, split = where.rpartition(":")
    if not colon or Path(where).exists():  # a colon may also be part of a folder's name
        root, split = where, ""
    opened = SOURCES[name](Path(root), split or None, None)
    if not isinstance(opened, DataSet):
        raise UsageError(f"{given}: the data set {name!r} has no files")
    return opened
