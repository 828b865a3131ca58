"""``vidgauge contest NAME``: how well we measure, beside other tools or the truth."""

import json as json_format
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidgauge.errors import UsageError
from vidgauge.progress import progress_bar
from vidgauge.record import Record
from vidgauge.store import Store, write_json

if TYPE_CHECKING:
    from vidgauge.environment import Environment


def contest(
    name: Annotated[str, typer.Argument(help="A contest; see 'vidgauge list contests'.")],
    out: Annotated[
        Path | None, typer.Option(help="Where the records go, as a JSON document that pages are made from.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Keep records here as they come; a long contest goes on with those it finds here."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Stop a long contest after about so long, and report what there is.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the records as JSON.")] = False,
) -> None:
    """Hold our measurements against other tools or the truth."""
    from vidgauge.environment import Environment

    environment = Environment.capture()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kept = stack.enter_context(Store(folder / "records.sqlite" if store is None else store))
        raw, results = _measure(name, environment, kept, minutes)
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            write_json(out, raw + results, {environment.fingerprint: environment})
    if json:
        typer.echo(json_format.dumps([record.model_dump(mode="json") for record in results], ensure_ascii=False))
    else:
        typer.echo(_tables(name, results), nl=False)


def _tables(name: str, records: list[Record]) -> str:
    """As the documentation shows them, where it has tables of this contest."""
    from vidgauge.reports import table
    from vidgauge.reports.layouts import LAYOUTS

    return LAYOUTS[name](records) + "\n" if name in LAYOUTS else table(records)


def _measure(
    name: str, environment: "Environment", store: Store, minutes: float | None
) -> tuple[list[Record], list[Record]]:
    """What a contest's results were made from, where that is apart from them; and its results."""
    from vidgauge.bench.contests import CONTESTS, LongContest, Sitting  # opens the room, which imports torch

    chosen = CONTESTS[name]
    if minutes is not None and (minutes <= 0 or not isinstance(chosen, LongContest)):
        raise UsageError(
            f"got --minutes {minutes} for contest {name!r}; it takes more than 0, and a contest that is long"
        )
    measured = []
    with progress_bar() as bar:
        task = bar.add_task("start", total=1.0)

        def announce(done: float, what: str) -> None:
            bar.update(task, completed=done, description=what)

        if not isinstance(chosen, LongContest):
            for record in chosen(environment, announce):
                store.add(record, environment)
                measured.append(record)
            return [], measured
        for record in chosen.play(environment, announce, Sitting(list(store), minutes)):
            store.add(record, environment)
    parts = [record for record in store if record.environment == environment.fingerprint]
    return parts, chosen.summarise(parts, environment)
