"""``vidgauge validate``: do the metrics react as they should."""

import json as json_format
from pathlib import Path
from typing import Annotated

import typer


def validate(
    protocol: Annotated[
        list[str] | None,
        typer.Option(help="Name or pattern such as 'fvd.*'; several times for several. [the embedded five]"),
    ] = None,
    real: Annotated[
        str | None,
        typer.Option(help="File, folder, or data set (NAME@ROOT:SPLIT) of real videos. [Moving Shapes]"),
    ] = None,
    captions: Annotated[
        str | None, typer.Option(help="CSV or JSON that gives each real file its caption. [those of a data set]")
    ] = None,
    distortion: Annotated[
        list[str] | None, typer.Option(help="Name, such as blur or shuffle; several times for several. [all]")
    ] = None,
    clips: Annotated[
        int, typer.Option(help="Clips in each of two halves, one a video; fewer where there are not so many.")
    ] = 256,
    frames: Annotated[int, typer.Option(help="Frames of a clip.")] = 16,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N. [a GPU if there is one]")] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of features, so that no clip is looked at twice. [the user's cache]")
    ] = None,
    store: Annotated[
        Path, typer.Option(help="Records are added to this file; what is found there is not scored again.")
    ] = Path("vidgauge.sqlite"),
    out: Annotated[
        Path | None, typer.Option(help="Where the records go, as a JSON document that pages are made from.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the records as JSON.")] = False,
) -> None:
    """Damage videos in known ways, step by step, and see how protocols react; a run that was stopped goes on."""
    from vidgauge.bench.studies.validate.validation import Validation
    from vidgauge.environment import Environment
    from vidgauge.errors import UsageError
    from vidgauge.files import made
    from vidgauge.metrics.scoring import EMBEDDED
    from vidgauge.progress import progress_bar
    from vidgauge.reports.layouts import LAYOUTS
    from vidgauge.store import Store, write_json

    validation = Validation(
        protocols=protocol or EMBEDDED,
        real=real,
        captions=captions,
        clips=clips,
        frames=frames,
        distortions=distortion or (),
        device=device,
        cache=cache,
    )
    if out is not None:  # a wrong path should be known before the work, not after it
        if out.is_dir():
            raise UsageError(f"--out {out} is a folder; give a file, such as {out / 'validate.json'}")
        made(out.parent)
    environment = Environment.capture()
    with Store(store) as kept, progress_bar() as bar:
        task = bar.add_task("start", total=1.0)
        for record in validation.run(
            list(kept), environment, lambda done, what: bar.update(task, completed=done, description=what)
        ):
            kept.add(record, environment)
    for failed in validation.failed:
        typer.echo(f"not used: {failed}", err=True)
    records = validation.results()
    if out is not None:
        write_json(out, records, {environment.fingerprint: environment})
    if json:
        typer.echo(json_format.dumps([record.model_dump(mode="json") for record in records], ensure_ascii=False))
    else:
        typer.echo(LAYOUTS["validate"](records))
