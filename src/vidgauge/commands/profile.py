"""``vidgauge profile``: how fast and how big the layers of a suite are."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from vidgauge.progress import progress_bar
from vidgauge.record import Record
from vidgauge.store import Store


def profile(
    suite: Annotated[str, typer.Argument(help="A suite (see 'vidgauge list suites') or a TOML file.")] = "quick",
    store: Annotated[Path, typer.Option(help="Where the records go.")] = Path("vidgauge.sqlite"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the records as JSON.")] = False,
    seed: Annotated[int, typer.Option(help="Of weights, inputs and the rounds' orders.")] = 0,
    threads: Annotated[
        int | None, typer.Option(help="Threads inside one operator; the suite decides unless given.")
    ] = None,
) -> None:
    """Latency, throughput, peak memory and cost of layers, each against its case's baseline."""
    from vidgauge.bench import profile as measure  # imports torch

    with Store(store) as opened, progress_bar() as bar:
        task = bar.add_task("start", total=None)
        records = measure(
            suite,
            opened,
            lambda done, total, what: bar.update(task, completed=done, total=total, description=what),
            seed,
            threads,
        )
    if as_json:
        typer.echo(json.dumps([record.model_dump(mode="json") for record in records], ensure_ascii=False))
    else:
        _show(records, store)


def _show(records: list[Record], store: Path) -> None:
    from vidgauge.bench.profile_table import tables
    from vidgauge.terminal import stdout_console

    console = stdout_console()
    for table in tables(records):
        console.print(table)
    console.print(Text(f"{len(records)} records added to {store}"))
