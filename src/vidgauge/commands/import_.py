"""``vidgauge import``: what pytest-benchmark measured, as records."""

from pathlib import Path
from typing import Annotated

import typer

from vidgauge.errors import VidgaugeError
from vidgauge.store import Store


def import_(
    file: Annotated[Path, typer.Argument(help="JSON of pytest-benchmark, from --benchmark-json.")],
    store: Annotated[Path, typer.Option(help="Where the records go.")] = Path("vidgauge.sqlite"),
) -> None:
    """Benchmarks of pytest-benchmark as records: a protocol of its own, never ranked with ours."""
    from vidgauge.bench.benchmark_json import read_benchmarks  # imports torch

    records, environment = read_benchmarks(file)
    with Store(store) as opened:
        if any(record.run == records[0].run for record in opened):
            raise VidgaugeError(f"{file} is in {store} already")
        for record in records:
            opened.add(record, environment)
    typer.echo(f"{len(records)} records of {file} in {store}")
