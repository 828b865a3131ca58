"""Folders of frames: named by a list, or everything that lies below the folder of the split."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from vidgauge.datasets.folder import scan
from vidgauge.datasets.readers.naming import Named, Reader, Split, fill, find, find_lists
from vidgauge.datasets.tables import text_lines


class FrameFolders(Reader):
    """One folder of images for each video; where there is no list, files that are videos count as well."""

    kind: Literal["frame-folders"]
    files: tuple[str, ...] = ()
    """Where there are lists: templates of the places where the folder of ``{name}`` may lie."""

    def named(self, root: Path, split: Split, classes: Sequence[str]) -> Iterator[Named | str]:  # noqa: ARG002 - none
        """As the base class says; without a list in the order of the names' code points."""
        if split.lists:
            for path in find_lists(root, split):
                for name in text_lines(path):
                    yield Named(name, tuple(fill(file, {"name": name}, path) for file in self.files))
            return
        folder = find(root, split.folders)
        listing = scan(folder)
        if listing.ignored:
            others = ", ".join(f"{count} {kind}" for kind, count in sorted(listing.ignored.items()))
            yield f"in {folder} are also {others}, which are left out: a video's folder holds images and nothing else"
        for entry in listing.entries:
            yield Named(entry.id, (entry.path.relative_to(root).as_posix(),))
