"""``vidgauge import``: what other tools measured, as records."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.store import Store

if TYPE_CHECKING:
    from vidgauge.environment import Environment
    from vidgauge.record import Record


def import_(
    files: Annotated[
        list[Path], typer.Argument(help="CSV, JSON of pytest-benchmark (--benchmark-json), or JSON of 'export'.")
    ],
    store: Annotated[Path, typer.Option(help="Where the records go.")] = Path("vidgauge.sqlite"),
) -> None:
    """Numbers of other tools as records, under protocols of their own that are never ranked with ours.

    Nothing is added before all files have been read. What is in the store already is not added again.
    """
    found = [(file, *_read(file)) for file in files]
    with Store(store) as opened:
        for file, records, environments in found:
            typer.echo(f"{_add(opened, file, records, environments)} records of {file} in {store}")


def _read(file: Path) -> "tuple[list[Record], dict[str, Environment]]":
    from vidgauge.record_files import read_records

    if file.suffix.lower() == ".csv" or not _of_pytest_benchmark(file):
        records, environments = read_records(file)
        if missing := next((record for record in records if record.environment not in environments), None):
            raise UsageError(f"{file} does not describe environment {missing.environment}; give what 'export' writes")
        if not records:
            raise VidgaugeError(f"{file} holds no records")
        return records, environments
    from vidgauge.bench.benchmark_json import read_benchmarks  # imports torch

    records, environment = read_benchmarks(file)
    return records, {environment.fingerprint: environment}


def _of_pytest_benchmark(file: Path) -> bool:
    """Whether a file is neither a store nor a document of records: then its reader says what is wrong with it."""
    try:
        with file.open("rb") as opened:
            beginning = opened.read(200).lstrip()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    return not beginning.startswith((b"SQLite", b"[")) and b'"environments"' not in beginning


def _add(store: Store, file: Path, records: "Sequence[Record]", environments: "dict[str, Environment]") -> int:
    """Append the records that are new, and say how many of the file's are there now."""
    known = {_content(record) for record in store}
    new = [record for record in records if _content(record) not in known]
    if not new:
        raise VidgaugeError(f"{file} is in {store.path} already")
    for record in new:
        store.add(record, environments[record.environment])
    return len(records)


def _content(record: "Record") -> str:
    """All but the time, which a file made by hand leaves to the import, and the order of keys."""
    return json.dumps(record.model_dump(mode="json", exclude={"time"}), sort_keys=True)
