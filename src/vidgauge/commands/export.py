"""``vidgauge export``: records for other tools."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from vidgauge.errors import UsageError
from vidgauge.store import Store

_SUFFIXES = {".csv": "csv", ".json": "json"}


def export(
    store: Annotated[Path, typer.Argument(help="The store to read.")] = Path("vidgauge.sqlite"),
    out: Annotated[
        Path, typer.Option("--out", help="File to write; for pytest-benchmark a folder, with a file for each run.")
    ] = Path("records.csv"),
    as_format: Annotated[
        Literal["csv", "json", "pytest-benchmark"] | None,
        typer.Option("--format", help="What to write. [by the name of the file]"),
    ] = None,
) -> None:
    """Write all records of a store; 'import' reads them back as they are."""
    chosen = as_format or _SUFFIXES.get(out.suffix.lower())
    if chosen is None:
        raise UsageError(f"{out}: is called neither .csv nor .json; say what to write with --format")
    if out.exists() and store.exists() and out.samefile(store):
        raise UsageError(f"{out} is the store itself; give another --out")
    if chosen != "pytest-benchmark" and out.is_dir():
        raise UsageError(f"{out} is a folder; give a file for {chosen}")
    if chosen == "pytest-benchmark" and out.is_file():
        raise UsageError(f"{out} is a file; give a folder, which gets a file for each run")
    with Store(store, must_exist=True) as opened:
        if not len(opened):
            raise UsageError(f"{store} holds no records; make some with 'vidgauge score --store {store}'")
        if chosen == "pytest-benchmark":
            _benchmarks(opened, out)
        elif chosen == "csv":
            from vidgauge.csv_document import write_csv

            typer.echo(f"{out}: {write_csv(out, opened, opened.environments())} records")
        else:
            opened.export_json(out)
            typer.echo(f"{out}: {len(opened)} records")


def _benchmarks(store: Store, out: Path) -> None:
    from vidgauge.bench.benchmark_files import write_benchmarks  # imports torch

    files, left_out = write_benchmarks(out, store, store.environments())
    if not files:
        raise UsageError(f"{store.path} holds no latency with its single rounds; CSV and JSON take all records")
    typer.echo(f"{out}: {len(files)} files; {left_out} records that are no latencies with single rounds stay behind")
