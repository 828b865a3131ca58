"""Data sets as TOML files describe them: where each is described, what its layout is, and which splits it has."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.data_set import Absent, DataSet, Item
from vidgauge.datasets.disk import Disk
from vidgauge.datasets.names import printable
from vidgauge.datasets.readers.class_folders import ClassFolders
from vidgauge.datasets.readers.csv_ids import CsvIds
from vidgauge.datasets.readers.frame_folders import FrameFolders
from vidgauge.datasets.readers.json_annotations import JsonAnnotations
from vidgauge.datasets.readers.naming import MissingError, Named, Split
from vidgauge.errors import UsageError, near_misses
from vidgauge.record import Frozen

_MOST_DEAD_LINKS = 1000
"""That are named; all are counted."""


class Layout(Frozen):
    """A data set whose files lie in a known way. Called with a root and a split, it is opened."""

    name: str
    summary: str
    """What it is, in one line."""
    described_at: str
    """Address of the page or paper that describes it."""
    terms: str
    """What is known of its licence, and of the terms under which its files are to be had."""
    layout: str
    """What must lie where, in words and in one line."""
    standing: Literal["official", "assumed"]
    """Whether its makers publish the files in this layout, or (as for links alone) we assume one."""
    links_only: bool = False
    """Whether its makers publish addresses and no videos: addresses die, and what is not there is counted, no more."""
    tried_on_original_files: bool = False
    """Whether it was ever read here as its makers publish it."""
    tried: str = ""
    """What of the original files was tried, where that was not all."""
    reader: Annotated[ClassFolders | JsonAnnotations | CsvIds | FrameFolders, Field(discriminator="kind")]
    splits: dict[str, Split]

    def __call__(self, root: Path | None, split: str | None, clip: ClipRule | None) -> DataSet:
        """Look up which videos the split has; nothing is decoded.

        Raises:
            UsageError: no root, no such split, or not the layout under the root; the message says what it must be.
        """
        chosen = self._split(split)
        if root is None:
            raise UsageError(f"the data set {self.name!r} needs root=, where there is: {self.layout}")
        root = root.absolute()  # a name that begins with a dash or holds a colon must not look like anything else
        if not root.is_dir():
            raise UsageError(f"{root}: is no folder{self._demand}")
        try:
            return self._open(root, chosen, clip)
        except MissingError as missing:
            raise UsageError(f"{root}: {missing}{self._demand}") from None

    def card(self) -> dict[str, Any]:
        """What ``vidgauge list datasets`` tells beside name and summary."""
        fields = ("layout", "standing", "links_only", "tried_on_original_files", "tried", "described_at", "terms")
        counts = {name: split.count for name, split in self.splits.items()}
        return {"reader": self.reader.kind, "splits": counts} | {field: getattr(self, field) for field in fields}

    @property
    def _demand(self) -> str:
        return f"; {self.name} needs {self.layout} (described at {self.described_at})"

    def _split(self, split: str | None) -> str:
        if split is None and "all" not in self.splits:
            raise UsageError(f"the data set {self.name!r} needs split=, one of {', '.join(self.splits)}")
        if split is None:
            return "all"
        for name, described in self.splits.items():
            if split == name or split in described.aliases:
                return name
        misses = near_misses(split, list(self.splits))
        raise UsageError(f"the data set {self.name!r} has no split {split!r}; {misses}")

    def _open(self, root: Path, split: str, clip: ClipRule | None) -> DataSet:
        classes = self.reader.classes(root, self.splits.values())
        notes: list[str] = []
        absent = Absent(most_names=_MOST_DEAD_LINKS if self.links_only else None)
        repeated, items = Absent(), dict[str, Item]()
        disk = Disk(root)
        for video in self._named(root, split, classes, notes):
            id_ = printable(video.id)
            path = disk.find(video.places)
            if path is None:
                absent.add(id_)
            elif id_ in items:
                repeated.add(id_)
            else:
                items[id_] = Item(id_, str(path), video.label, video.captions)
        if not items:
            raise UsageError(f"{root}: none of the {absent.count:,} videos of {split!r} is there{self._demand}")
        if repeated.count:
            notes.append(f"{repeated}: named more than once, and taken once")
        if absent.count:
            notes.append(f"{absent}: not on disk" + (", as links die" if self.links_only else ""))
        return DataSet(
            f"{self.name}/{split}",
            list(items.values()),
            classes,
            clip,
            absent=absent,
            links_only=self.links_only,
            miscounted=self._miscounted(split, len(items) + repeated.count + absent.count),
            notes=notes,
        )

    def _named(self, root: Path, split: str, classes: list[str], notes: list[str]) -> Iterator[Named]:
        for video in self.reader.named(root, self.splits[split], classes):
            if isinstance(video, str):
                notes.append(video)
            else:
                yield video

    def _miscounted(self, split: str, count: int) -> str:
        published = self.splits[split].count
        if published is None or published == count:
            return ""
        return f"{split} has {count:,} videos here, but {published:,} as published: it may be another version"
