"""Records as a plain CSV file, and back: one line a record, nothing lost.

The columns `COLUMNS` are those of `Record`; what is nested in ``config``, ``details`` and ``environment_description``
is JSON. A file made by hand needs only `REQUIRED`: what it leaves out is unknown, and stays so.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vidgauge.environment import Environment
from vidgauge.errors import UsageError
from vidgauge.files import whole_file
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Record

REQUIRED = ("name", "measure", "value")
"""Columns without which a line says nothing."""

_PLACES = {
    "kind": ("subject", "kind"),
    "name": ("subject", "name"),
    "config": ("subject", "config"),
    "measure": ("measure", "name"),
    "unit": ("measure", "unit"),
    "better": ("measure", "better"),
    "protocol": ("protocol", "name"),
    "protocol_fingerprint": ("protocol", "fingerprint"),
}
"""Where columns lie in a record that are nested there."""
_PLAIN = (
    *("value", "low", "high", "level", "no_interval", "n", "n_failed", "status", "reason"),
    *("environment", "code", "run", "time", "details"),
)
_DESCRIPTION = "environment_description"
COLUMNS = (*_PLACES, *_PLAIN, _DESCRIPTION)
_JSON = frozenset({"config", "details", _DESCRIPTION})
_NUMBERS = {"value": float, "low": float, "high": float, "level": float, "n": int, "n_failed": int}
_WITHOUT_INTERVAL = "the CSV file gives none"


def write_csv(path: Path, records: Iterable[Record], environments: Mapping[str, Environment]) -> int:
    """Write records, so that ``read_csv`` gives back each of them as it is; returns how many.

    Args:
        path: made or replaced.
        records: what to write.
        environments: by fingerprint, of all records.
    """
    count = 0
    with whole_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for count, record in enumerate(records, start=1):  # noqa: B007 - the last is how many
            writer.writerow(_line(record, environments.get(record.environment)))
    return count


def read_csv(path: Path) -> tuple[list[Record], dict[str, Environment]]:
    """The records of a CSV file, and the environments that it describes, by fingerprint.

    A line without ``kind`` is about ``other``; without ``unit``, a pure number; without ``better``, no way is better;
    without ``protocol``, that is called as the measure is. Without a fingerprint it has one that no protocol of ours
    has, so that it is never ranked with those. The run is a hash of the file, so that the same file gives the same run;
    an environment that the file does not describe is unknown, and equal to no other.

    Raises:
        UsageError: naming line and column of the first thing that is wrong.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")  # spreadsheets put a mark in front
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not text in UTF-8 (byte {error.start}); save it as CSV in UTF-8") from error
    run = hashlib.sha256(content).hexdigest()[:32]
    records, environments = [], {}
    for place, cells in _lines(path, text):
        record, environment = _record(place, cells, run)
        records.append(record)
        environments[environment.fingerprint] = environment
    if not records:
        raise UsageError(f"{path} has no line below its header")
    return records, environments


def _line(record: Record, environment: Environment | None) -> dict[str, object]:
    whole = record.model_dump()
    line = {column: whole[part][field] for column, (part, field) in _PLACES.items()}
    line |= {column: whole[column] for column in _PLAIN} | {"time": record.time.isoformat()}
    line[_DESCRIPTION] = environment.model_dump(mode="json") if environment else None
    return line | {column: _as_json(line[column]) for column in _JSON}


def _as_json(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _lines(path: Path, text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each line's filled cells, with where it stands; a line of a quoted cell with breaks is its last."""
    with _cells_of_any_size():
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            header = next(reader, [])
            _check_header(path, header)
            for cells in reader:
                place = f"{path}, line {reader.line_num}"
                if len(cells) != len(header) and cells:
                    raise UsageError(f"{place}: has {len(cells)} cells, and the header {len(header)}")
                if any(cells):
                    yield place, {column: cell for column, cell in zip(header, cells, strict=True) if cell != ""}
        except csv.Error as error:
            raise UsageError(f"{path}, line {reader.line_num}: {error}") from None


def _check_header(path: Path, header: list[str]) -> None:
    if missing := [column for column in REQUIRED if column not in header]:
        raise UsageError(
            f"{path}, line 1: no column {', '.join(missing)}; it needs {', '.join(REQUIRED)} and takes "
            f"{', '.join(column for column in COLUMNS if column not in REQUIRED)}"
        )
    if unknown := [column for column in header if column not in COLUMNS]:
        raise UsageError(
            f"{path}, line 1: no such column {', '.join(map(repr, unknown))}; there are {', '.join(COLUMNS)}"
        )
    if len(set(header)) < len(header):
        raise UsageError(f"{path}, line 1: a column stands there twice")


def _record(place: str, cells: dict[str, str], run: str) -> tuple[Record, Environment]:
    given = {column: _parsed(place, column, cell) for column, cell in cells.items()}
    environment = _environment(place, given, run)
    whole: dict[str, Any] = {"subject": {}, "measure": {}, "protocol": {}, "environment": environment.fingerprint}
    for column, value in (_assumed(given, run) | given).items():
        if column in _PLACES:
            part, field = _PLACES[column]
            whole[part][field] = value
        elif column not in ("environment", _DESCRIPTION):
            whole[column] = value
    try:
        return Record.model_validate(whole), environment
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{place}{_column(first['loc'])}: {first['msg'].removeprefix('Value error, ')}") from None


def _assumed(given: Mapping[str, Any], run: str) -> dict[str, Any]:
    """What empty cells stand for: an empty text where vidgauge wrote the line, else what nobody has said."""
    if _DESCRIPTION in given:
        return dict.fromkeys((column for column in _PLACES if column not in _JSON), "") | {"run": ""}
    name = given.get("protocol", given.get("measure"))
    assumed = {"kind": "other", "unit": "1", "better": "neither", "protocol": name, "run": run}
    assumed["protocol_fingerprint"] = fingerprint({"from": "CSV", "protocol": name, "unit": given.get("unit", "1")})
    if given.get("status", "ok") == "ok" and "low" not in given:
        assumed["no_interval"] = _WITHOUT_INTERVAL
    return assumed


def _parsed(place: str, column: str, cell: str) -> Any:  # noqa: ANN401 - whatever the column holds
    try:
        if column in _JSON:
            return json.loads(cell)
        return _NUMBERS[column](cell) if column in _NUMBERS else cell
    except ValueError:
        kinds = {float: "a number, such as 0.25", int: "a whole number"}
        wanted = "JSON" if column in _JSON else kinds[_NUMBERS[column]]
        raise UsageError(f"{place}, column {column}: {cell[:40]!r} is not {wanted}") from None


def _environment(place: str, given: Mapping[str, Any], run: str) -> Environment:
    """As the line describes it; else an unknown one, equal to no other."""
    if _DESCRIPTION not in given:
        return _unknown(str(given.get("environment", "")), run)
    try:
        environment = Environment.model_validate(given[_DESCRIPTION])
    except ValidationError as error:
        said = f"{'.'.join(map(str, error.errors()[0]['loc']))}: {error.errors()[0]['msg']}"
        raise UsageError(f"{place}, column {_DESCRIPTION}: {said}") from None
    if given.get("environment", environment.fingerprint) != environment.fingerprint:
        raise UsageError(f"{place}, column environment: is not the fingerprint of the {_DESCRIPTION}")
    return environment


def _unknown(said: str, run: str) -> Environment:
    known: dict[str, Any] = dict.fromkeys(("system", "python", "cpu"), "not known")
    known |= {"cpus": 0, "memory_bytes": None, "threads": 0, "gpu": None, "driver": None, "libraries": {}, "ffmpeg": {}}
    return Environment(**known, variables={"known from": f"CSV, run {run}"} | ({"said": said} if said else {}))


def _column(location: tuple[int | str, ...]) -> str:
    """What the CSV calls a part of a record."""
    path = [str(part) for part in location]
    nested = {place: column for column, place in _PLACES.items()}
    column = (
        nested.get((path[0], path[1])) if len(path) > 1 else next((name for name in _PLAIN if [name] == path), None)
    )
    return f", column {column}" if column else ""


@contextmanager
def _cells_of_any_size() -> Iterator[None]:
    """Python's csv refuses cells of more than 128 KiB, which raw samples exceed."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)
