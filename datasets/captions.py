"""What videos show, from a file beside them."""

from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any

from vidgauge.datasets.folder import Entry
from vidgauge.datasets.tables import csv_rows, json_rows, read_json
from vidgauge.errors import UsageError

_NAME_COLUMNS = ("file", "filename", "path", "video")
_CAPTION_COLUMNS = ("caption", "prompt", "text")


def read_captions(path: str | PathLike[str]) -> dict[str, str]:
    """Captions by the name that the file gives each video: a relative path, a file name, or one without extension.

    Args:
        path: ``.csv`` with a header, ``.jsonl`` with an object per line, or ``.json`` with a list of such objects or
            one object from names to captions. A column ``file``, ``filename``, ``path`` or ``video`` names the video,
            a column ``caption``, ``prompt`` or ``text`` says what it shows; others are ignored.

    Raises:
        UsageError: no such file or columns, an empty caption, or a video that has two.
    """
    path = Path(path)
    captions: dict[str, str] = {}
    for name, caption in _pairs(path):
        if not name or not caption:
            raise UsageError(f"{path}: {name or 'a row without a name'} has no caption; give each video one")
        if name in captions:
            raise UsageError(f"{path}: {name} has two captions; leave one")
        captions[name] = caption
    return captions


def caption_videos(entries: Iterable[Entry], captions: dict[str, str]) -> dict[str, str]:
    """Each entry's caption by its identifier, looked up by identifier or file name, with or without extension.

    Raises:
        UsageError: a video without a caption or with several, or a caption that fits several videos.
    """
    answer: dict[str, str] = {}
    taken: dict[str, str] = {}
    for entry in entries:
        names = [name for name in _names(entry) if name in captions]
        if len(names) != 1:
            several = f"has several captions, under {' and '.join(names)}" if names else "has no caption"
            raise UsageError(f"{entry.id} {several}; give it one, under its path or its file name")
        if names[0] in taken:
            raise UsageError(
                f"the caption of {names[0]} fits {taken[names[0]]} and {entry.id}; name them by their paths"
            )
        taken[names[0]] = entry.id
        answer[entry.id] = captions[names[0]]
    return answer


def _names(entry: Entry) -> list[str]:
    id_ = PurePosixPath(entry.id)
    return list(dict.fromkeys((entry.id, id_.name, id_.with_suffix("").as_posix(), id_.stem)))


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    for row in _rows(path):
        row = {str(key).strip().lower(): value for key, value in row.items()}
        yield _field(path, row, _NAME_COLUMNS), _field(path, row, _CAPTION_COLUMNS)


def _rows(path: Path) -> Iterable[dict[str, Any]]:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return csv_rows(path)
    if suffix not in (".json", ".jsonl"):
        raise UsageError(f"{path}: {suffix or 'no extension'} is not .csv, .json or .jsonl")
    if suffix == ".json":
        loaded = read_json(path)
        if isinstance(loaded, dict):
            return [{"file": name, "caption": caption} for name, caption in loaded.items()]
    return json_rows(path)


def _field(path: Path, row: dict[str, Any], columns: tuple[str, ...]) -> str:
    present = [column for column in columns if column in row]
    if len(present) != 1:
        have = ", ".join(row) or "none"
        raise UsageError(f"{path}: needs exactly one of the columns {', '.join(columns)} (it has: {have})")
    value = row[present[0]]
    return value.strip() if isinstance(value, str) else ""
