"""``vidgauge demo``: the whole tour, offline."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from vidgauge.progress import progress_bar
from vidgauge.store import Store

if TYPE_CHECKING:
    from vidgauge.record import Record


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the videos, the records and the report.")] = Path(
        "vidgauge-demo"
    ),
) -> None:
    """Profile layers, score damaged videos against real ones, and write a report: offline, in minutes."""
    from vidgauge.bench import profile
    from vidgauge.bench.profile_table import tables
    from vidgauge.bench.studies import demo as study
    from vidgauge.reports.files import FILES, write_report

    start = time.monotonic()
    console = Console()
    console.print(
        "Moving Shapes stand in for real and generated videos; a profile comes first, then scores, then a page."
    )
    with Store(out / "records.sqlite") as store, progress_bar() as bar:
        profiling = bar.add_task("profiling layers", total=None)
        profiled = profile(
            "quick",
            store,
            lambda done, total, what: bar.update(profiling, completed=done, total=total, description=what),
        )
        bar.update(profiling, description="profiled layers")
        for _ in bar.track(study.write_videos(out / "videos"), study.count_videos(), description="writing videos"):
            pass
        scoring = bar.add_task("scoring videos", total=None)
        sets = [damage.name for damage in study.STAND_INS]

        def scored_one(name: str, done: int, total: int) -> None:
            before = sets.index(name) * total
            bar.update(scoring, completed=before + done, total=total * len(sets), description=f"scoring {name} videos")

        scored = study.score_videos(out / "videos", store, scored_one)
        bar.update(scoring, description="scored videos")
    paths = write_report(out / "records.sqlite", out / "report", list(FILES))
    for table in tables(profiled):
        console.print(table)
    console.print(_scores(scored))
    console.print("fresh: drawn from the same world as the real set, so its FVD and KVD are the floor at this n.")
    console.print("The scores are honest inside the embedded Moving Shapes world and say nothing outside it.")
    console.print(f"Done in {time.monotonic() - start:.0f} s. The page: {paths['html'].resolve()}")


def _scores(records: "list[Record]") -> Table:
    """One row a set of videos, one column a protocol."""
    protocols = list(dict.fromkeys(record.protocol.name for record in records))
    better = {record.protocol.name: record.measure.better for record in records}
    table = Table(title="scores of Moving Shapes videos, with 95 % intervals", title_justify="left")
    table.add_column("videos")
    for name in protocols:
        table.add_column(f"{name} {'↓' if better[name] == 'lower' else '↑'}", justify="right")
    cells = {(record.subject.name, record.protocol.name): _cell(record) for record in records}
    for subject in dict.fromkeys(record.subject.name for record in records):
        table.add_row(subject, *(cells[subject, name] for name in protocols))
    return table


def _cell(record: "Record") -> str:
    if record.value is None:
        return record.status
    interval = "" if record.low is None else f"\n[{record.low:.3g}, {record.high:.3g}]"
    return f"{record.value:.4g}{interval}"
