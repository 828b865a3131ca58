"""``vidgauge features``: what networks have made of videos, kept so that no video is looked at twice."""

import json as json_format
import shutil
from pathlib import Path
from typing import Annotated

import typer

features = typer.Typer(rich_markup_mode=None)

_CACHE = typer.Option("--cache", help="Folder of features. [the user's cache]")


@features.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    """Features that are kept: listed, removed, and exported as a reference that stands for a set of videos."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@features.command("list")
def list_(
    cache: Annotated[Path | None, _CACHE] = None,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list of objects with a name.")] = False,
) -> None:
    """Say which features are kept, and how much room they take."""
    from vidgauge.metrics.features import shelves_in

    found = shelves_in(cache)
    if json:
        typer.echo(json_format.dumps(found, indent=1, ensure_ascii=False))
        return
    for shelf in found:
        clip = ", ".join(f"{key} {value}" for key, value in shelf["way"]["clip"].items())
        said = f"{shelf['videos']} videos, {shelf['clips']} clips, {shelf['bytes'] / 1e6:,.1f} MB"
        stale = ", stale: made by another version" if shelf["stale"] else ""
        typer.echo(f"{shelf['name']}: {said}{stale}\n  resized {shelf['way']['resize']}; clips: {clip}")
    typer.echo(f"{len(found)} ways of looking, {sum(shelf['bytes'] for shelf in found) / 1e6:,.1f} MB")


@features.command()
def export(
    videos: Annotated[
        list[Path], typer.Argument(help="File, folder, or data set (NAME@ROOT:SPLIT) of videos; or several.")
    ],
    protocol: Annotated[str, typer.Option(help="The protocol whose real videos they are.")],
    out: Annotated[Path, typer.Option(help="The file to write, such as ucf101.safetensors.")],
    captions: Annotated[Path | None, typer.Option(help="CSV or JSON that gives each file its caption.")] = None,
    random_weights: Annotated[int | None, typer.Option(help="Seed of a random network, as for 'score'.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N. [a GPU if there is one]")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Files decoded ahead.")] = 2,
    strict: Annotated[bool, typer.Option("--strict", help="Fail at the first file that cannot be used.")] = False,
    cache: Annotated[Path | None, _CACHE] = None,
) -> None:
    """Write the features of real videos as one file, which 'score --real FILE' takes in their place."""
    from vidgauge.metrics.protocols import PROTOCOLS
    from vidgauge.metrics.reference import export as export_reference
    from vidgauge.progress import progress_bar

    chosen = PROTOCOLS[protocol]
    if random_weights is not None:
        chosen = chosen.with_random_weights(random_weights)
    with progress_bar() as progress:
        task = progress.add_task("looking", total=None)
        count = export_reference(
            videos,
            chosen,
            out,
            captions=captions,
            device=device,
            cache=cache,
            workers=workers,
            strict=strict,
            advance=lambda done, total: progress.update(task, completed=done, total=total),
        )
    typer.echo(f"{out}: {count} videos, {out.stat().st_size / 1e6:,.1f} MB")


@features.command()
def remove(
    names: Annotated[list[str], typer.Argument(help="Names from 'vidgauge features list', 'stale' or 'all'.")],
    cache: Annotated[Path | None, _CACHE] = None,
) -> None:
    """Remove features; they are computed again when they are needed."""
    from vidgauge.errors import UsageError, near_misses
    from vidgauge.metrics.features import folder_of, shelves_in

    folder, known = folder_of(cache), {shelf["name"]: shelf["stale"] for shelf in shelves_in(cache)}
    meant: dict[str, None] = {}
    for name in names:
        if name in ("all", "stale"):
            meant |= dict.fromkeys(shelf for shelf, stale in known.items() if stale or name == "all")
        elif name in known:
            meant[name] = None
        else:
            raise UsageError(f"there are no features {name!r} in {folder}; {near_misses(name, list(known))}")
    for name in meant:
        shutil.rmtree(folder / name)
    typer.echo(f"{folder}: {len(meant)} of {len(known)} ways of looking removed")
