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
    """Profile layers, sample small trained systems, score their videos and damaged ones, write a report: offline."""
    from vidgauge.bench import profile
    from vidgauge.bench.profile_table import summary
    from vidgauge.bench.studies import demo as study
    from vidgauge.bench.studies.compare.lanes import Lanes, cores
    from vidgauge.reports.files import FILES, write_report

    start = time.monotonic()
    console = stdout_console()
    console.print(
        "A profile of layers comes first; then small trained systems make videos, which are scored beside clips of "
        "Moving Shapes that are damaged in known ways; then a page."
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
        sampling = bar.add_task("sampling and scoring", total=1.0)
        with Lanes(cores(), float("inf")) as lanes:
            scored = study.sample_and_score(
                out / "videos",
                store,
                lanes,
                lambda share, what: bar.update(sampling, completed=share, description=what),
            )
        bar.update(sampling, completed=1.0, description="sampled and scored")
        stated = study.state_cards(store)
    with progress_bar() as bar:
        writing = bar.add_task("writing the page", total=None)
        paths = write_report(
            out / "records.sqlite",
            out / "report",
            list(FILES),
            advance=lambda done, total: bar.update(writing, completed=done, total=total),
        )
    console.print(summary(profiled))
    console.print(_scores("Scores of Moving Shapes videos by the *.shapes protocols", scored))
    console.print("fresh: drawn from the same world as the real set, so its FVD and KVD are the floor at this n.")
    if stated:
        console.print(_scores("What the cards of the trained systems say", stated))
        console.print(
            f"{study.SAMPLES} samples of a system do for means over videos, not for distances between sets: the cards "
            "have those. Toy scale: nothing here is about the published systems."
        )
    console.print("The scores are honest inside the embedded Moving Shapes world and say nothing outside it.")
    console.print(f"Done in {time.monotonic() - start:.0f} s. The page: {paths['html'].resolve()}")


def _scores(title: str, records: "list[Record]") -> Table:
    """One row a set of videos, one column a measure."""
    measures = {record.measure.name: record.measure for record in records}
    table = Table(
        title=f"{title}, ± half of the 95 % interval", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    table.add_column("videos", no_wrap=True)
    table.add_column("n", justify="right")
    for name, measure in measures.items():
        table.add_column(f"{name.replace('-', ' ')} {'↓' if measure.better == 'lower' else '↑'}", justify="right")
    cells = {(record.subject.name, record.measure.name): _cell(record) for record in records}
    for subject, n in {record.subject.name: record.n for record in records}.items():
        table.add_row(subject, str(n), *(cells.get((subject, name), "") for name in measures))
    return table


def _cell(record: "Record") -> str:
    if record.value is None:
        return record.status
    if record.low is None or record.high is None:
        return f"{record.value:.4g}"
    return f"{record.value:.4g}\n±{(record.high - record.low) / 2:.2g}"
