"""A table of videos as a data set."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.data_set import Absent, DataSet, Item
from vidgauge.datasets.names import printable
from vidgauge.datasets.sources import SOURCES
from vidgauge.datasets.tables import csv_rows, json_rows
from vidgauge.errors import UsageError, near_misses

_FILES = ("manifest.csv", "manifest.jsonl", "manifest.json")
_FILE, _LABEL, _CAPTION, _SPLIT = (
    ("file", "filename", "path", "video"),
    ("label", "class"),
    ("caption", "prompt"),
    "split",
)


@SOURCES.register("manifest")
def manifest(root: Path | None, split: str | None, clip: ClipRule | None) -> DataSet:
    """Any table of videos: CSV or JSON with files, and labels, captions and splits as there are any.

    The columns are ``file``, ``label``, ``caption`` and ``split``.

    Also ``filename``, ``path`` or ``video`` for the file, which counts from the table's own folder; ``class`` for the
    label; ``prompt`` for the caption. Labels are names, counted in alphabetical order over the whole table.

    Args:
        root: the table (``.csv``, ``.json``, ``.jsonl``), or a folder with ``manifest.csv``, ``.jsonl`` or ``.json``.
        split: the rows with this in their column ``split``; without it all of them.
        clip: how clips are cut; without it each sample is a whole video.

    Raises:
        UsageError: no root or table, no column for files, a file named twice, no such split, or no file on disk.
    """
    if root is None:
        raise UsageError("the data set 'manifest' needs root=, a table with a column 'file'")
    table = _table(root)
    rows = list(_rows(table))
    splits = sorted({row[_SPLIT] for row in rows} - {""})
    if split is not None and split not in splits:
        raise UsageError(f"{table}: has no split {split!r}; {near_misses(split, splits)}")
    absent, items = Absent(), dict[str, Item]()
    for row in rows:
        if split not in (None, row[_SPLIT]):
            continue
        id_, path = printable(row["file"]), table.parent / row["file"]
        if id_ in items:
            raise UsageError(f"{table}: {id_} has two rows; leave one")
        if path.exists():
            items[id_] = Item(id_, str(path), row["label"] or None, (row["caption"],) if row["caption"] else ())
        else:
            absent.add(id_)
    if not items:
        raise UsageError(f"{table}: none of its {absent.count} files is there; they count from {table.parent}")
    notes = [f"{absent}: not on disk"] if absent.count else []
    classes = sorted({row["label"] for row in rows} - {""})
    name = table.absolute().parent.name if table.name in _FILES else table.stem
    return DataSet(
        f"{name}/{split}" if split else name, list(items.values()), classes, clip, absent=absent, notes=notes
    )


def _table(root: Path) -> Path:
    if not root.is_dir():
        return root
    found = [root / name for name in _FILES if (root / name).is_file()]
    if len(found) != 1:
        raise UsageError(f"{root}: needs one of {', '.join(_FILES)}; it has {len(found)} of them")
    return found[0]


def _rows(table: Path) -> Iterator[dict[str, str]]:
    """Each row under the names that we give its columns; what it lacks is empty."""
    rows = csv_rows(table) if table.suffix.lower() == ".csv" else json_rows(table)
    for number, row in enumerate(rows, 1):
        given = {str(key).strip().lower(): value for key, value in row.items()}
        file = _first(given, _FILE)
        if not file:
            raise UsageError(f"{table}: row {number} has no {' or '.join(_FILE)} (its columns: {', '.join(given)})")
        yield {
            "file": file,
            "label": _first(given, _LABEL),
            "caption": _first(given, _CAPTION),
            _SPLIT: _first(given, (_SPLIT,)),
        }


def _first(row: dict[str, Any], columns: tuple[str, ...]) -> str:
    values = (row[column] for column in columns if column in row)
    return next((str(value).strip() for value in values if value is not None), "")
