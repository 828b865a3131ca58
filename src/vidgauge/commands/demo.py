"""``vidgauge demo``: the whole tour, offline."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from vidgauge.progress import progress_bar
from vidgauge.store import Store
from vidgauge.terminal import stdout_console

if TYPE_CHECKING:
    from vidgauge.record import Record


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the videos, the records and the report.")] = Path(
        "vidgauge-demo"
    ),
) -> None:
    """Profile layers, score damaged videos against real ones, and write a report: offline, in minutes."""
    from vidgauge.bench import profile
    from vidgauge.bench.profile_table import summary
    from vidgauge.bench.studies import demo as study
    from vidgauge.reports.files import FILES, write_report

    start = time.monotonic()
    console = stdout_console()
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
    with progress_bar() as bar:
        writing = bar.add_task("writing the page", total=None)
        paths = write_report(
            out / "records.sqlite",
            out / "report",
            list(FILES),
            advance=lambda done, total: bar.update(writing, completed=done, total=total),
        )
    console.print(summary(profiled))
    console.print(_scores(scored))
    console.print("fresh: drawn from the same world as the real set, so its FVD and KVD are the floor at this n.")
    console.print("The scores are honest inside the embedded Moving Shapes world and say nothing outside it.")
    console.print(f"Done in {time.monotonic() - start:.0f} s. The page: {paths['html'].resolve()}")


def _scores(records: "list[Record]") -> Table:
    """One row a set of videos, one column a measure."""
    measures = {record.measure.name: record.measure for record in records}
    title = "Scores of Moving Shapes videos by the *.shapes protocols, ± half of the 95 % interval"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("videos", no_wrap=True)
    for name, measure in measures.items():
        table.add_column(f"{name.replace('-', ' ')} {'↓' if measure.better == 'lower' else '↑'}", justify="right")
    cells = {(record.subject.name, record.measure.name): _cell(record) for record in records}
    for subject in dict.fromkeys(record.subject.name for record in records):
        table.add_row(subject, *(cells[subject, name] for name in measures))
    return table


def _cell(record: "Record") -> str:
    if record.value is None:
        return record.status
    if record.low is None or record.high is None:
        return f"{record.value:.4g}"
    return f"{record.value:.4g}\n±{(record.high - record.low) / 2:.2g}"
