"""``vidgauge profile``: how fast and how big the layers of a suite are."""

import json
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.text import Text

from vidgauge.errors import VidgaugeError
from vidgauge.progress import progress_bar
from vidgauge.record import Record
from vidgauge.store import Store

if TYPE_CHECKING:
    from vidgauge.bench.suite import Suite


def profile(
    suite: Annotated[str, typer.Argument(help="A suite (see 'vidgauge list suites') or a TOML file.")] = "quick",
    store: Annotated[Path, typer.Option(help="Where the records go.")] = Path("vidgauge.sqlite"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the records as JSON.")] = False,
    device: Annotated[Literal["cpu", "cuda"], typer.Option(help="Where the layers run.")] = "cpu",
    budget: Annotated[
        float | None, typer.Option(help="Seconds for all; what does not fit becomes skipped rows.")
    ] = None,
    pattern: Annotated[
        str | None, typer.Option("--filter", help="Only cases or variants with such a name, as in 'conv*'.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the latest unfinished run like this.")] = False,
    clock: Annotated[
        Literal["wall", "cpu", "cuda_events", "cuda_graph"] | None,
        typer.Option(help="What tells the time; 'cpu', CPU time, is for a loaded machine. The suite decides."),
    ] = None,
    memory_limit: Annotated[
        float | None, typer.Option(help="GiB that a layer on a CPU may take; the suite decides unless given.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights, inputs and the rounds' orders.")] = 0,
    threads: Annotated[
        int | None, typer.Option(help="Threads inside one operator; the suite decides unless given.")
    ] = None,
    fail_if: Annotated[
        Literal["slower"] | None,
        typer.Option("--fail-if", help="Exit status 1 where a variant is slower than its baseline, or broke."),
    ] = None,
) -> None:
    """Latency, throughput, peak memory and cost of layers, each against its case's baseline."""
    from vidgauge.bench import profile as measure  # imports torch
    from vidgauge.bench.profiling import find_suite

    chosen = find_suite(suite)
    if pattern is not None:
        chosen = _filtered(chosen, pattern)
    try:
        with Store(store) as opened, progress_bar() as bar:
            task = bar.add_task("start", total=None)
            records = measure(
                chosen,
                opened,
                lambda done, total, what: bar.update(task, completed=done, total=total, description=what),
                seed,
                threads,
                device=device,
                clock=clock,
                budget=budget,
                memory_limit=memory_limit,
                resume=resume,
            )
    except KeyboardInterrupt:
        asked = {"budget": budget, "filter": pattern, "clock": clock, "memory-limit": memory_limit, "threads": threads}
        asked["fail-if"] = fail_if
        given = {"store": store, "device": device, "seed": seed} | {k: v for k, v in asked.items() if v is not None}
        typer.echo(f"go on with: {_command_line(suite, given, as_json=as_json)}", err=True)
        raise
    if as_json:
        typer.echo(json.dumps([record.model_dump(mode="json") for record in records], ensure_ascii=False))
    else:
        _show(records, store)
    if fail_if == "slower":
        _fail_if_slower(records)


def _fail_if_slower(records: list[Record]) -> None:
    """A gate: ratios inside one run. What could not be measured does not pass either, unless it was skipped."""
    ratios = [record for record in records if record.measure.name == "ratio_to_baseline"]
    against = [record for record in ratios if record.details.get("baseline") != record.subject.name]
    slower = [record for record in against if record.details.get("verdict") == "slower"]
    broken = [record for record in ratios if record.status not in ("ok", "skipped")]
    if not any(record.status == "ok" for record in against):
        raise VidgaugeError("--fail-if slower: nothing was compared with a baseline")
    if slower or broken:
        said = [f"{what}: {_named(group)}" for group, what in ((slower, "slower"), (broken, "broke")) if group]
        raise VidgaugeError("--fail-if slower: " + "; ".join(said))


def _named(records: list[Record]) -> str:
    """Each variant with its case and direction, once whatever the shapes and dtypes."""
    places = ((each.subject.config, each.subject.name) for each in records)
    return ", ".join(dict.fromkeys(f"{name} ({at['case']}, {at['direction']})" for at, name in places))


def _filtered(suite: "Suite", pattern: str) -> "Suite":
    from vidgauge.bench.selection import select

    rest, left_out = select(suite, pattern)
    if left_out:
        typer.echo(f"left out by --filter {pattern}: {', '.join(left_out)}", err=True)
    return rest


def _command_line(suite: str, given: Mapping[str, object], *, as_json: bool) -> str:
    options: Iterable[str] = (word for key, value in given.items() for word in (f"--{key}", str(value)))
    return shlex.join(["vidgauge", "profile", suite, *options, *(["--json"] if as_json else []), "--resume"])


def _show(records: list[Record], store: Path) -> None:
    from vidgauge.bench.profile_table import findings, tables
    from vidgauge.terminal import stdout_console

    console = stdout_console()
    for table in tables(records):
        console.print(table)
    for line in findings(records):
        console.print(Text(line))
    console.print(Text(f"{len(records)} records in {store}"))
