"""``vidgauge fill PAGES``: make the tables of Markdown pages from records, and their references from docstrings."""

from pathlib import Path
from typing import Annotated

import typer

_STALE = 1


def fill(
    pages: Annotated[
        list[Path],
        typer.Argument(help="With '<!-- table: LAYOUT from RECORDS.json -->' or '<!-- reference: MODULE -->'."),
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 1 if a page is out of date.")
    ] = False,
) -> None:
    """Write the tables and references of pages anew from what they name, such as docs/layers.md."""
    from vidgauge.reports.documents import fill as filled

    texts = {page: filled(page, _commands) for page in pages}  # all of them before any is written
    stale = [page for page, text in texts.items() if page.read_text("utf-8") != text]
    for page in stale:
        typer.echo(f"{page}: {'out of date' if check else 'written'}")
        if not check:
            page.write_text(texts[page], "utf-8")
    if check and stale:
        raise typer.Exit(_STALE)


def _commands() -> str:
    from vidgauge.cli import build_app
    from vidgauge.reports.reference.commands import command_reference

    return command_reference(build_app())
