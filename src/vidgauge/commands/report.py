"""``vidgauge report``: a store as a page, as Markdown, LaTeX, CSV and Parquet."""

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

_FORMATS = ("html", "markdown", "latex", "csv")
Patterns = list[str] | None


def report(
    store: Annotated[Path, typer.Argument(help="The store to read.")] = Path("vidgauge.sqlite"),
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("vidgauge-report"),
    formats: Annotated[
        Patterns,
        typer.Option(
            "--format",
            help=f"One of {', '.join(_FORMATS)}, parquet; repeatable. [all but parquet]",
        ),
    ] = None,
    measure: Annotated[
        Patterns, typer.Option(help="Only this measure, or pattern such as 'fvd*'; repeatable, in that order.")
    ] = None,
    subject: Annotated[Patterns, typer.Option(help="Only this system, layer or folder of videos; the same.")] = None,
    suite: Annotated[Patterns, typer.Option(help="Only this suite of benchmarks; the same.")] = None,
    protocol: Annotated[Patterns, typer.Option(help="Only this protocol; the same.")] = None,
    published: Annotated[
        Patterns,
        typer.Option(help="Show what these publications say too: patterns of 'vidgauge list published'; repeatable."),
    ] = None,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Of them also numbers that nobody has checked against their paper.")
    ] = False,
    videos: Annotated[
        int, typer.Option(min=0, help="How many videos of each scored set the page shows; 0 for none.")
    ] = 6,
    json: Annotated[bool, typer.Option("--json", help="Print the paths as a JSON object by format.")] = False,
) -> None:
    """Turn a store into one self-contained HTML page, Markdown, LaTeX and CSV.

    Published numbers are shown with where they are from, and ranked against nothing.
    """
    from vidgauge.errors import UsageError
    from vidgauge.progress import progress_bar
    from vidgauge.reports.choice import Choice
    from vidgauge.reports.files import write_report
    from vidgauge.reports.published_records import published_records

    choice = Choice.of(measure or (), subject or (), suite or (), protocol or ())
    if unverified and not published:
        raise UsageError("--unverified is about published numbers; say which with --published, such as --published '*'")
    papers = published_records(published, unverified=unverified) if published else []
    with progress_bar() as bar:
        task = bar.add_task("writing the report", total=None)
        written = write_report(
            store,
            out,
            formats or list(_FORMATS),
            choice,
            papers,
            videos,
            lambda done, total: bar.update(task, completed=done, total=total, description="preparing videos"),
        )
    if json:
        typer.echo(json_format.dumps({name: str(path) for name, path in written.items()}, indent=1))
    else:
        for path in written.values():
            typer.echo(path)
