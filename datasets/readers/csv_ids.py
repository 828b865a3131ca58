"""CSV of ids: one row for each video, or for each film with lists of its clips, and file names made of the columns."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Literal

from vidgauge.datasets.readers.naming import (
    MissingError,
    Named,
    Reader,
    Split,
    Text,
    class_name,
    fill,
    find_lists,
    pick,
    places,
)
from vidgauge.datasets.tables import csv_rows
from vidgauge.errors import UsageError

_PLAIN = str.maketrans({" ": "_", "'": None, "(": None, ")": None})


class CsvIds(Reader):
    """Templates over the columns, and ``{row}`` (from 0), ``{shard}``, ``{clip}`` (from 0) and ``{folder}``.

    ``{label}`` is the class, and ``{label_plain}`` the class as folders are often called: with underscores for blanks,
    and without quotes and parentheses.
    """

    kind: Literal["csv-ids"]
    id: str
    """Template of the identifier, such as ``{youtube_id}``."""
    files: tuple[str, ...]
    """Templates of the places where the file may lie; ``{folder}`` runs through the split's folders."""
    label: str = ""
    """Column with the name of the class, which a list that keeps its labels back lacks. Without a list of classes they
    count in alphabetical order."""
    caption: str = ""
    """Column with a caption."""
    each: tuple[str, ...] = ()
    """Columns that hold lists, written as Python or JSON writes them, with an element for each clip."""
    rows_in_shard: int = 1
    """After how many rows ``{shard}`` counts on."""

    def classes(self, root: Path, splits: Iterable[Split]) -> list[str]:
        """As the base class says; otherwise all names in all lists that are there, so that splits agree."""
        if not self.label or self.class_list or self.class_names:
            return super().classes(root, splits)
        return sorted({row.get(self.label, "") for path in _present(root, splits) for row in csv_rows(path)} - {""})

    def named(self, root: Path, split: Split, classes: Sequence[str]) -> Iterator[Named]:
        """As the base class says."""
        in_lists = (self._in_list(path, split, classes) for path in find_lists(root, split))
        return pick(chain.from_iterable(in_lists), root, split.only)

    def _in_list(self, path: Path, split: Split, classes: Sequence[str]) -> Iterator[Named]:
        for number, row in enumerate(csv_rows(path)):
            if any(row.get(column) != value for column, value in split.where.items()):
                continue
            for clip, cells in enumerate(self._clips(row, path)):
                label = class_name(cells.get(self.label), classes, path)
                fields = {column: Text(cell) for column, cell in cells.items()}
                fields |= {"row": Text(number), "shard": Text(number // self.rows_in_shard), "clip": Text(clip)}
                fields |= {"label": Text(label or ""), "label_plain": Text((label or "").translate(_PLAIN))}
                caption = cells.get(self.caption, "").strip()
                yield Named(
                    fill(self.id, fields, path),
                    places(self.files, split.folders, fields, path),
                    label,
                    (caption,) if caption else (),
                )

    def _clips(self, row: dict[str, str], path: Path) -> Iterator[dict[str, str]]:
        if not self.each:
            yield row
            return
        lists = [_elements(row, column, path) for column in self.each]
        if len({len(elements) for elements in lists}) > 1:
            raise UsageError(f"{path}: the lists of {' and '.join(self.each)} differ in length, in a row of {row}")
        for elements in zip(*lists, strict=True):
            yield row | dict(zip(self.each, map(str, elements), strict=True))


def _present(root: Path, splits: Iterable[Split]) -> Iterator[Path]:
    """Every list of every split that is there, once."""
    seen: set[Path] = set()
    for split in splits:
        try:
            paths = find_lists(root, split)
        except MissingError:
            continue
        yield from (path for path in paths if path not in seen)
        seen.update(paths)


def _elements(row: dict[str, str], column: str, path: Path) -> list[object]:
    try:
        value = ast.literal_eval(row[column])
    except KeyError:
        raise UsageError(f"{path}: has no column {column!r} (it has: {', '.join(row)})") from None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise UsageError(f"{path}: {column} must hold lists, but there is {row[column][:60]!r}")
    return value
