"""``vidgauge weights``: published weights, where they come from, and whether they are what they should be."""

import json as json_format
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from vidgauge.errors import UsageError, VidgaugeError, near_misses

if TYPE_CHECKING:
    from vidgauge.metrics.anchors import Anchor, Outcome
    from vidgauge.weights import Conversion, WeightsCard

T = TypeVar("T")

weights = typer.Typer(rich_markup_mode=None)

_TRUST = "Open a TorchScript archive of which no digest is stated; that runs its code."


@weights.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    """Published weights: what there is and where, fetched, added by hand, and held against published numbers."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@weights.command("list")
def list_(
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list of objects with a name.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table of those of networks.")] = False,
) -> None:
    """Say of all weights what they are for, where they come from, and where they lie; trained systems come last."""
    from vidgauge.metrics.inventory import markdown_table, state_of
    from vidgauge.metrics.weights import CARDS
    from vidgauge.reference_models import shipped

    if markdown:
        typer.echo(markdown_table(), nl=False)
        return
    states = [state_of(CARDS[name]) for name in CARDS]
    systems = {name: state_of(shipped.CARDS[name], shipped.FOLDER) for name in shipped.names()}
    if json:
        all_states = [state.model_dump() for state in [*states, *systems.values()]]
        typer.echo(json_format.dumps(all_states, indent=1, ensure_ascii=False))
    else:
        about = [f"{state.text()}\n  {shipped.CARDS[name].told()}" for name, state in systems.items()]
        typer.echo("\n\n".join([*(state.text() for state in states), *about]))


@weights.command()
def fetch(
    names: Annotated[list[str], typer.Argument(help="Names from 'vidgauge weights list'.")],
    trust: Annotated[bool, typer.Option("--trust", help=_TRUST)] = False,
) -> None:
    """Download weights into the cache, check them, and convert them to safetensors; what is there is left alone."""
    _each(_cards(names), lambda card: f"{card.name}: {_fetch(card, trust=trust)}", "fetched")


@weights.command()
def add(
    files: Annotated[list[Path], typer.Argument(help="Files got by hand.")],
    as_name: Annotated[str | None, typer.Option("--as", help="Whose file it is, where that cannot be seen.")] = None,
    trust: Annotated[bool, typer.Option("--trust", help=_TRUST)] = False,
) -> None:
    """Check files that were got by hand, and convert them into the cache; they are not needed afterwards."""
    if as_name is not None and len(files) > 1:
        raise UsageError(f"--as says whose one file is; {len(files)} were given")
    card = _cards([as_name])[0] if as_name else None
    _each(files, lambda file: _add(file, card, trust=trust), "added")


@weights.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Names of weights. [all]")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder with CIFAR-10: cifar-10-batches-py lies in it.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list of what came out.")] = False,
) -> None:
    """Compute published numbers again with the weights that are here; protocols then say which came out."""
    from vidgauge.metrics.anchors import ANCHORS
    from vidgauge.metrics.weights import CARDS

    chosen = {card.name for card in _cards(names or list(CARDS))}
    anchors = [ANCHORS[name] for name in ANCHORS if ANCHORS[name].weights in chosen]
    if not anchors:
        raise UsageError(f"no published number is known that {', '.join(sorted(chosen))} must give")
    outcomes = [_computed(anchor, data, quiet=json) for anchor in anchors]
    if json:
        typer.echo(json_format.dumps([outcome.model_dump() for outcome in outcomes], indent=1, ensure_ascii=False))
    failed = [outcome.anchor for outcome in outcomes if outcome.status == "failed"]
    if failed:
        raise VidgaugeError(f"{len(failed)} of {len(outcomes)} published numbers did not come out: {', '.join(failed)}")


@weights.command()
def ship(
    trained: Annotated[Path, typer.Argument(help="Folder that 'vidgauge train' wrote, or the weights file in it.")],
    records: Annotated[Path, typer.Option(help="What 'vidgauge contest learning' recorded of these weights.")],
    out: Annotated[Path, typer.Option(help="Folder for NAME.safetensors and its card NAME.toml.")],
) -> None:
    """Make what ships of a trained system: its weights in float16, compared with what they were, and their card."""
    from vidgauge.progress import progress_bar
    from vidgauge.reference_models.shipping.making import ship as make

    with progress_bar() as progress:
        task = progress.add_task("sampling with both", total=None)
        card = make(trained, records, out, lambda done, total: progress.update(task, completed=done, total=total))
    half, kept = card.halving, ", ".join(card.halving.kept_in_float32)
    typer.echo(f"{out / card.file}: {card.bytes:,} bytes in float16" + (f", but for {kept}" if kept else ""))
    typer.echo(
        f"from the same noise it makes the same videos, but for {half.largest_pixel_difference} of 255 levels at most "
        f"({half.mean_pixel_difference:.2f} on average)"
    )
    typer.echo(card.told())


def _computed(anchor: "Anchor", data: Path | None, *, quiet: bool) -> "Outcome":
    from vidgauge.metrics.anchors import outcome_of
    from vidgauge.progress import progress_bar

    with progress_bar() as progress:
        task = progress.add_task(anchor.name, total=None)
        outcome = outcome_of(anchor, data, lambda done, total: progress.update(task, completed=done, total=total))
    if not quiet:
        typer.echo(_line(outcome))
    return outcome


def _line(outcome: "Outcome") -> str:
    said = f"{outcome.status:<7}  {outcome.anchor}: "
    if outcome.value is None:
        return said + outcome.reason
    difference = outcome.value - outcome.expected
    wanted = f"published {outcome.expected:.8g}, difference {difference:+.3g}, tolerance {outcome.tolerance:g}"
    return f"{said}{outcome.value:.8g}; {wanted}"


def _fetch(card: "WeightsCard", *, trust: bool) -> str:
    from vidgauge.metrics.published import take
    from vidgauge.metrics.weights import FOLDER
    from vidgauge.progress import progress_bar
    from vidgauge.weights import fetch as fetch_file
    from vidgauge.weights import look, unknown_code
    from vidgauge.weights.finding import forget

    found = look(card, FOLDER)
    if found is not None and (found.converted or found.path.parent == FOLDER or found.format == "safetensors"):
        return f"already here: {found.path}"
    if card.runs_unknown_code and not trust:
        raise VidgaugeError(f"{unknown_code(card)}: vidgauge weights fetch {card.name} --trust")
    if found is not None:
        return _told(take(card, found.path, trust=trust), f"already here: {found.path}")
    with progress_bar() as progress:
        task = progress.add_task(card.file, total=card.bytes)
        path = fetch_file(card, lambda done, total: progress.update(task, completed=done, total=total))
    try:
        return _told(take(card, path, trust=trust), f"fetched: {path}")
    except VidgaugeError:
        if not card.sha256:  # nobody says that it is the right file, so it must not stand in another one's way
            forget(path)
        raise


def _add(file: Path, card: "WeightsCard | None", *, trust: bool) -> str:
    from vidgauge.metrics.published import recognise, take
    from vidgauge.weights import find

    card = card or recognise(file, trust=trust)
    note = take(card, file, trust=trust)
    return f"{card.name}: {_told(note, f'copied to {find(card)}')}"


def _told(note: "Conversion | None", otherwise: str) -> str:
    return f"converted to {note.path}" if note else otherwise


def _cards(names: list[str]) -> "list[WeightsCard]":
    """The cards of these names, and of what they are no whole network without, each once."""
    from vidgauge.metrics.weights import CARDS

    for name in names:
        if name not in CARDS:
            raise UsageError(f"there are no weights {name!r}; {near_misses(name, list(CARDS))}")
    return [CARDS[name] for name in dict.fromkeys(part for name in names for part in (name, *CARDS[name].also))]


def _each(items: Sequence[T], act: Callable[[T], str], done: str) -> None:
    """Act on all items, a line each, also where one fails; then fail if one has."""
    failed = []
    for item in items:
        try:
            typer.echo(act(item))
        except UsageError:
            raise
        except VidgaugeError as error:
            failed.append(item)
            typer.echo(f"vidgauge: {error}", err=True)
    if failed:
        raise VidgaugeError(f"{len(failed)} of {len(items)} could not be {done}")
