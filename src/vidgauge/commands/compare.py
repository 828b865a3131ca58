"""``vidgauge compare``: several systems trained, sampled, scored and profiled under one budget."""

from pathlib import Path
from typing import Annotated

import typer

from vidgauge.errors import UsageError
from vidgauge.progress import progress_bar


def compare(
    recipe: Annotated[str, typer.Option(help="One of 'vidgauge list recipes', or the path of a TOML file.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for all that is made, and to go on in. [vidgauge-compare-RECIPE]")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N. [a GPU if there is one]")] = None,
    minutes: Annotated[float | None, typer.Option(help="Stop after about so long; the same command goes on.")] = None,
) -> None:
    """Train, sample, score and profile systems under one budget, and write one report.

    Goes on where an earlier call of the same recipe into the same folder stopped. Toy scale: what comes out says
    nothing about the published systems.
    """
    if minutes is not None and minutes <= 0:
        raise UsageError(f"got --minutes {minutes:g}; it takes more than 0")
    import torch

    from vidgauge.bench.studies.compare.recipe import find_recipe
    from vidgauge.bench.studies.compare.study import RECORDS, Study
    from vidgauge.reports.files import FILES, write_report
    from vidgauge.reports.layouts import LAYOUTS
    from vidgauge.store import Store

    chosen = find_recipe(recipe)
    folder = out or Path(f"vidgauge-compare-{chosen.name}")
    study = Study(chosen, folder, device or ("cuda" if torch.cuda.is_available() else "cpu"))
    with progress_bar() as bar:
        task = bar.add_task(chosen.name, total=None)
        whole = study.run(
            lambda done, total, what: bar.update(task, completed=done, total=total, description=what), minutes
        )
    if not whole:
        typer.echo(f"stopped after {minutes:g} minutes; the same command goes on in {folder}", err=True)
        return
    with progress_bar() as bar:
        task = bar.add_task("writing the page", total=None)
        paths = write_report(
            folder / RECORDS,
            folder / "report",
            list(FILES),
            advance=lambda done, total: bar.update(task, completed=done, total=total),
        )
    with Store(folder / RECORDS, must_exist=True) as store:
        typer.echo(LAYOUTS["compare"](list(store)))
    for path in paths.values():
        typer.echo(path)
