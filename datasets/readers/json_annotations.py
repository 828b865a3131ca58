"""JSON annotations: objects in a list or one a line, with captions inside or in a list of their own."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from vidgauge.datasets.readers.naming import Named, Reader, Split, Text, class_name, fill, find_lists, pick, places
from vidgauge.datasets.tables import json_rows
from vidgauge.errors import UsageError
from vidgauge.record import Frozen


class Captions(Frozen):
    """A list of captions beside the list of videos."""

    items: str
    """Its name."""
    key: str
    """The field that identifies the video."""
    text: str
    """The field that says what it shows."""


class JsonAnnotations(Reader):
    """One object for each video, or for each film with a list of its clips."""

    kind: Literal["json-annotations"]
    id: str
    """Template of the identifier, such as ``{video_id}``."""
    files: tuple[str, ...]
    """Templates of the places where the file may lie; ``{folder}`` runs through the split's folders."""
    items: str = ""
    """Name of the list of videos, where the file holds more than that."""
    each: str = ""
    """Name of a list inside each object, with an object for each clip."""
    label: str = ""
    """Field with the number or the name of the class."""
    label_without: str = ""
    """Letters that the class's name has in this field, and not in the list of classes."""
    caption: str = ""
    """Field with a caption."""
    captions: Captions | None = None
    """Captions in a list of their own."""

    def named(self, root: Path, split: Split, classes: Sequence[str]) -> Iterator[Named]:
        """As the base class says."""
        in_lists = (self._in_list(path, split, classes) for path in find_lists(root, split))
        return pick(chain.from_iterable(in_lists), root, split.only)

    def _in_list(self, path: Path, split: Split, classes: Sequence[str]) -> Iterator[Named]:
        captions = self._captions(path)
        for row in json_rows(path, self.items):
            for whole in self._clips(row, path):
                if any(str(whole.get(field)) != value for field, value in split.where.items()):
                    continue
                fields = {key: Text(value) for key, value in whole.items() if isinstance(value, str | int | float)}
                id_ = fill(self.id, fields, path)
                own = _text(whole.get(self.caption))
                yield Named(
                    id_,
                    places(self.files, split.folders, fields, path),
                    class_name(self._label(whole), classes, path),
                    tuple(captions[id_]) if self.captions else (own,) if own else (),
                )

    def _clips(self, row: dict[str, Any], path: Path) -> Iterator[dict[str, Any]]:
        """The object itself, or with each of its clips laid over it."""
        clips = row.get(self.each) or [] if self.each else [{}]
        if not isinstance(clips, list) or not all(isinstance(clip, dict) for clip in clips):
            raise UsageError(f"{path}: {self.each} must be a list of objects, but there is {str(clips)[:60]!r}")
        return (row | clip for clip in clips)

    def _label(self, row: dict[str, Any]) -> Any:  # noqa: ANN401 - a number, a name or nothing
        value = row.get(self.label)
        return value.translate(str.maketrans("", "", self.label_without)) if isinstance(value, str) else value

    def _captions(self, path: Path) -> dict[str, list[str]]:
        """All captions of each video, in the order of the file."""
        captions: dict[str, list[str]] = defaultdict(list)
        if self.captions is not None:
            for row in json_rows(path, self.captions.items):
                text = _text(row.get(self.captions.text))
                if text:
                    captions[str(row.get(self.captions.key))].append(text)
        return captions


def _text(value: Any) -> str:  # noqa: ANN401 - JSON is anything
    return value.strip() if isinstance(value, str) else ""
