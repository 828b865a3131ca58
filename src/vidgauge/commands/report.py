"""``vidgauge report``: a store as a page, as Markdown, as LaTeX and as CSV."""

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

_FORMATS = ("html", "markdown", "latex", "csv")


def report(
    store: Annotated[Path, typer.Argument(help="The store to read.")] = Path("vidgauge.sqlite"),
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("vidgauge-report"),
    formats: Annotated[
        list[str] | None, typer.Option("--format", help=f"One of {', '.join(_FORMATS)}; repeatable; all by default.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the paths as a JSON object by format.")] = False,
) -> None:
    """Turn a store into one self-contained HTML page, Markdown, LaTeX and CSV."""
    from vidgauge.reports.files import write_report

    written = write_report(store, out, formats or list(_FORMATS))
    if json:
        typer.echo(json_format.dumps({name: str(path) for name, path in written.items()}, indent=1))
    else:
        for path in written.values():
            typer.echo(path)
