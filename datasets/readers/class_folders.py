"""Class folders with lists: each line of a list is a class folder and a file, with or without the class's number."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from vidgauge.datasets.readers.naming import Named, Reader, Split, class_name, find, find_lists, numbered_classes
from vidgauge.datasets.tables import text_lines
from vidgauge.errors import UsageError


class ClassFolders(Reader):
    """Lists of ``Class/file 1`` or ``Class/file``, as UCF-101 has them."""

    kind: Literal["class-folders"]
    videos: tuple[str, ...]
    """Where the folder with the class folders may lie."""

    def named(self, root: Path, split: Split, classes: Sequence[str]) -> Iterator[Named]:
        """As the base class says; a class's number in a list must agree with the class folder's name."""
        numbered = numbered_classes(find(root, self.class_list))
        for path in find_lists(root, split):
            for line in text_lines(path):
                name, number = _parse(line)
                label = class_name(name.partition("/")[0], classes, path)
                if number is not None and numbered.get(number) != label:
                    raise UsageError(f"{path}: {line!r} gives {label} a number that is not its own")
                yield Named(name, tuple(f"{folder}/{name}" for folder in self.videos), label)


def _parse(line: str) -> tuple[str, int | None]:
    name, _, number = line.rpartition(" ")
    return (name.strip(), int(number)) if name and number.isdecimal() else (line, None)
