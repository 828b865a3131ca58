"""``vidgauge vote``: a blind side-by-side preference study in the browser."""

import json as json_format
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from vidgauge.datasets.data_set import DataSet
    from vidgauge.reports.vote.matching import Video

vote = typer.Typer(no_args_is_help=True, help="Let people say which of two videos is better, without knowing whose.")

_Study = Annotated[Path, typer.Argument(help="Folder of the study.")]


@vote.command()
def new(
    study: Annotated[Path, typer.Argument(help="Folder to make the study in.")],
    systems: Annotated[
        list[str],
        typer.Argument(
            help="Two or more folders of videos, as NAME=FOLDER or FOLDER; prompts match by caption or name."
        ),
    ],
    checks: Annotated[int, typer.Option(min=0, help="Attention checks that each rater meets.")] = 4,
    misses: Annotated[int, typer.Option(min=0, help="How many of them a rater may miss and still count.")] = 0,
    pairs_each: Annotated[int | None, typer.Option(min=1, help="Pairs that a rater is shown. [all]")] = None,
    ties: Annotated[bool, typer.Option("--ties", help="Allow the answer 'no difference'.")] = False,
    common: Annotated[
        bool, typer.Option("--common", help="Leave out prompts that some system has no video of.")
    ] = False,
    fps: Annotated[float | None, typer.Option(help="Frames per second of arrays and frame folders.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the order of pairs and sides, and of the checks.")] = 0,
) -> None:
    """Plan a study and convert its videos for browsers, without loss; an interrupted call goes on where it was."""
    from vidgauge.errors import UsageError
    from vidgauge.progress import progress_bar
    from vidgauge.reports.vote.building import Rules, build

    found: dict[str, list[Video]] = {}
    for given in systems:
        name, folder = _named(given)
        if name in found:
            raise UsageError(f"two systems are called {name!r}; name them, as in NAME=FOLDER")
        found[name] = list(_videos(folder, fps))
    if len(found) < 2:
        raise UsageError("one system has nothing to stand beside; give two or more folders")
    rules = Rules(seed, checks, misses, pairs_each, ties, common)
    with progress_bar() as progress:
        task = progress.add_task("converting videos", total=None)
        made = build(study, found, rules, lambda done, total: progress.update(task, completed=done, total=total))
    each = min(pairs_each or len(made.pairs), len(made.pairs))
    typer.echo(
        f"{study}: {len(made.prompts):,} prompts, {len(made.pairs):,} pairs, {each:,} of them and {checks} checks for "
        f"each rater; asked about {' and '.join(made.questions)}"
    )
    if checks:
        typer.echo(
            f"Who misses more than {misses} checks is left out; one who guesses passes with {rules.guessing:.1%}."
        )
    typer.echo(f"Next: vidgauge vote serve {study}")


@vote.command()
def serve(
    study: _Study,
    host: Annotated[str, typer.Option(help="Name or address to listen at; others reach no loopback.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8765,
) -> None:
    """Serve a study to browsers until Ctrl-C. Every vote is on disk before the browser is told so."""
    from vidgauge.reports.vote.server import VoteServer
    from vidgauge.reports.vote.study import read_study

    with VoteServer(study, read_study(study), host, port) as server:
        typer.echo(f"Raters open {server.address}")
        typer.echo("Ctrl-C ends; the same command goes on.", err=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo(f"ended; see 'vidgauge vote results {study}'", err=True)


@vote.command()
def export(
    study: _Study,
    out: Annotated[Path, typer.Option(help="New folder to write to.")],
    raters: Annotated[int, typer.Option(min=1, max=1000, help="How many pages, one a rater.")] = 1,
) -> None:
    """Write a folder that raters open without a server; each page saves a file of votes for 'merge'."""
    from vidgauge.reports.vote.folders import export_folder
    from vidgauge.reports.vote.study import read_study

    for page in export_folder(study, read_study(study), out, raters):
        typer.echo(page)


@vote.command()
def merge(
    study: _Study,
    sources: Annotated[list[Path], typer.Argument(help="Files of votes, or folders of copies of the study.")],
) -> None:
    """Take over votes given elsewhere; what is there already is not counted again."""
    from vidgauge.reports.vote.folders import merge as take_over
    from vidgauge.reports.vote.study import read_study

    plan = read_study(study)
    for source in sources:
        typer.echo(f"{source}: {take_over(study, plan, source):,} new answers")


@vote.command()
def results(
    study: _Study,
    store: Annotated[Path, typer.Option(help="Records are added to this file.")] = Path("vidgauge.sqlite"),
    json: Annotated[bool, typer.Option("--json", help="Print the records as a JSON list.")] = False,
) -> None:
    """Count the votes, print what they say, and add it to a store as records."""
    from vidgauge.environment import Environment
    from vidgauge.reports.vote.counting import count
    from vidgauge.reports.vote.results import results as found_by
    from vidgauge.reports.vote.study import read_study
    from vidgauge.reports.vote.summary import lines, tables
    from vidgauge.reports.vote.votes import VOTES, Votes
    from vidgauge.store import Store
    from vidgauge.terminal import stdout_console

    plan = read_study(study)
    environment = Environment.capture()
    records = found_by(plan, count(plan, Votes(study / VOTES, plan.fingerprint)), environment)
    with Store(store) as opened:
        for record in records:
            opened.add(record, environment)
    if json:
        dumped = [record.model_dump(mode="json") for record in records]
        typer.echo(json_format.dumps(dumped, indent=1, ensure_ascii=False))
        return
    console = stdout_console()
    for table in tables(records):
        console.print(table)
    for line in lines(records):
        console.print(f"- {line}", markup=False, soft_wrap=True)


def _named(given: str) -> tuple[str, Path]:
    from vidgauge.record import storable

    name, equals, folder = given.partition("=")
    if equals and name and not Path(given).exists():
        return storable(name), Path(folder)
    return storable(Path(given).absolute().name), Path(given)


def _videos(folder: Path, fps: float | None) -> "Iterator[Video]":
    from vidgauge.errors import UsageError
    from vidgauge.reports.vote.matching import Video

    data = _data_set(folder)
    if data.absent.count:
        raise UsageError(f"{folder}: {data.absent}: in the manifest, but not on disk")
    for item in data.entries:
        caption = item.captions[0] if item.captions else ""
        yield Video(item.path, item.path.stem, caption, _frames_of(item.path), _ends_of(item.path, fps))


def _data_set(folder: Path) -> "DataSet":
    from vidgauge.datasets.data_set import DataSet
    from vidgauge.datasets.sources import SOURCES

    manifests = [folder / f"manifest.{suffix}" for suffix in ("jsonl", "csv", "json")]
    data = SOURCES["manifest" if any(path.is_file() for path in manifests) else "folder"](folder, None, None)
    assert isinstance(data, DataSet)
    return data


def _frames_of(path: Path) -> Any:  # noqa: ANN401 - a function without arguments
    from vidgauge.datasets.reading import decode_frames

    return lambda: (frame_hwc for frame_hwc, _ in decode_frames(path))


def _ends_of(path: Path, fps: float | None) -> Any:  # noqa: ANN401 - a function without arguments
    import math

    from vidgauge.datasets.reading import describe_video, timeline
    from vidgauge.reports.vote.showing import frame_ends

    def ends() -> list[float]:
        rate = describe_video(path).fps
        return frame_ends(timeline(path).tolist(), rate if math.isfinite(rate) else fps or math.nan)

    return ends
