"""``vidgauge contest NAME``: how well we measure, beside other tools or the truth."""

import json as json_format
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from vidgauge.progress import progress_bar
from vidgauge.record import Record
from vidgauge.store import Store


def contest(
    name: Annotated[str, typer.Argument(help="A contest; see 'vidgauge list contests'.")],
    out: Annotated[
        Path | None, typer.Option(help="Where the records go, as a JSON document that pages are made from.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the records as JSON.")] = False,
) -> None:
    """Hold our measurements against other tools or the truth."""
    from vidgauge.bench.contests import CONTESTS  # opens the room, which imports torch
    from vidgauge.environment import Environment
    from vidgauge.reports import table

    run, environment = CONTESTS[name], Environment.capture()
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "records.sqlite") as store:
        with progress_bar() as bar:
            task = bar.add_task("start", total=1.0)
            for record in run(environment, lambda done, what: bar.update(task, completed=done, description=what)):
                store.add(record, environment)
        records: list[Record] = list(store)
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            store.export_json(out)
    if json:
        typer.echo(json_format.dumps([record.model_dump(mode="json") for record in records], ensure_ascii=False))
    else:
        typer.echo(table(records), nl=False)
