"""Records out of whatever file holds them: a store, a JSON document, or a CSV."""

import json
from pathlib import Path

from vidgauge.csv_document import read_csv
from vidgauge.environment import Environment
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.record import Record
from vidgauge.store import Store, read_json

_SQLITE = b"SQLite format 3\x00"  # how such files begin, by the format's definition


def read_records(path: Path) -> tuple[list[Record], dict[str, Environment]]:
    """All records of a file, oldest first, and the environments that it describes, by fingerprint.

    Args:
        path: a store; a document of ``Store.export_json``; a list of records, as commands print it with ``--json``; a
            CSV of ``vidgauge export``, or one made by hand.

    Raises:
        UsageError: where it is none of these.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give the store in it, a file such as {path / 'vidgauge.sqlite'}")
    try:
        with path.open("rb") as file:
            beginning = file.read(64)
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}; give a store, or a JSON or CSV file of records"
        ) from error
    if not beginning:
        raise UsageError(f"{path} is empty; give a store, or a JSON or CSV file of records")
    try:
        if beginning.startswith(_SQLITE):
            with Store(path, must_exist=True) as store:
                return list(store), store.environments()
        if beginning.lstrip().startswith(b"["):
            return _listed(path), {}
        if beginning.lstrip().startswith(b"{"):
            return read_json(path)
        if path.suffix.lower() == ".csv":
            return read_csv(path)
        raise UsageError(f"{path} is neither a store nor a JSON document of records, nor called .csv")
    except UsageError:
        raise
    except VidgaugeError as error:
        raise UsageError(str(error)) from error


def _listed(path: Path) -> list[Record]:
    try:
        return [Record.model_validate(body) for body in json.loads(path.read_text("utf-8"))]
    except ValueError as error:
        raise UsageError(f"{path} is not a list of records ({error})") from error
