"""Rows out of CSV, JSON and JSON-lines files, one after another, and one line about what is wrong with them."""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vidgauge.errors import UsageError

# A cell may hold the captions of a whole film; the limit of Python's own, 131,072 letters, is for the process anyway.
csv.field_size_limit(sys.maxsize)


def csv_rows(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a CSV file by the names in its first line; what a short row lacks is empty.

    Byte-order marks, either kind of line end, and commas, quotes and line ends inside quotes are all understood.

    Raises:
        UsageError: the file cannot be read, is not UTF-8, or has a quote that is never closed.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True, restval="")
            reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
            yield from reader
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read as CSV ({error})") from error


def json_rows(path: Path, items: str = "") -> Iterator[dict[str, Any]]:
    """The objects of a JSON-lines file (``.jsonl``), or of the list that a JSON file is.

    Args:
        path: the file.
        items: name of the list, where the file is an object that holds it and other things.

    Raises:
        UsageError: the file cannot be read, is no JSON, or holds no such list of objects.
    """
    rows = _json_lines(path) if path.suffix.lower() == ".jsonl" else read_json(path)
    if items:
        rows = rows.get(items) if isinstance(rows, dict) else None
    if not isinstance(rows, list | Iterator):
        inside = f" under {items!r}" if items else ""
        raise UsageError(f"{path}: holds no list{inside}; there must be an object for each")
    for row in rows:
        if not isinstance(row, dict):
            raise UsageError(f"{path}: there must be an object for each, not {str(row)[:40]!r}")
        yield row


def read_json(path: Path) -> Any:  # noqa: ANN401 - JSON is anything
    """What a JSON file holds; UsageError where it cannot be read."""
    try:
        return json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: cannot be read as JSON ({error})") from error


def text_lines(path: Path) -> Iterator[str]:
    """The lines of a text file without the blanks around them, empty lines left out; UsageError as above."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from filter(None, map(str.strip, file))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read as text ({error})") from error


def _json_lines(path: Path) -> Iterator[Any]:
    for number, line in enumerate(text_lines(path), 1):
        try:
            yield json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}: line {number} cannot be read as JSON ({error})") from error
