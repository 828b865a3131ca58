"""``vidgauge table NAME``: published and measured rows together, in the shape of a paper's table."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Patterns = list[str] | None


def table(
    name: Annotated[str, typer.Argument(help="Which one, as 'vidgauge list tables' lists them.")],
    store: Annotated[
        Path | None, typer.Argument(help="The store that holds what you measured. [published rows alone]")
    ] = None,
    format: Annotated[  # noqa: A002 - what every report calls it
        Literal["markdown", "latex", "html", "csv"], typer.Option("--format", help="What is printed.")
    ] = "markdown",
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Also published numbers that nobody has checked against their paper.")
    ] = False,
    subject: Annotated[
        Patterns,
        typer.Option(help="Of what you measured only this system or folder of videos, or pattern; repeatable."),
    ] = None,
    protocol: Annotated[Patterns, typer.Option(help="Of what you measured only this protocol; the same.")] = None,
) -> None:
    """Print a table in the shape of a paper's: published rows, and what you measured below them.

    Published numbers are shown with where they are from, and ranked against nothing.
    """
    from vidgauge.errors import UsageError
    from vidgauge.reports import paper_table
    from vidgauge.store import Store

    records = []
    if store is not None:
        with Store(store, must_exist=True) as opened:
            records = list(opened)
        if not records:
            raise UsageError(f"{store} holds no records; measure something into it first, with 'vidgauge score'")
    typer.echo(
        paper_table(name, records, format, unverified=unverified, subjects=subject or (), protocols=protocol or ()),
        nl=False,
    )
