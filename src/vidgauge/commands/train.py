"""``vidgauge train``: a system's weights out of data."""

import os
from pathlib import Path
from typing import Annotated

import typer

from vidgauge.errors import UsageError


def train(
    system: Annotated[str, typer.Argument(help="A pipeline such as vdm/tiny; see 'vidgauge list systems'.")],
    out: Annotated[Path, typer.Option(help="Folder for the weights, and for the checkpoint until they are done.")],
    steps: Annotated[
        int | None, typer.Option(min=1, help="Over all phases, which keep their shares. [the preset's]")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="Train about so long instead.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the first weights and of all that training draws.")] = 0,
    data: Annotated[
        str,
        typer.Option(
            help="moving-shapes, moving-shapes:sepia; a folder or table of videos; a data set, NAME@ROOT:SPLIT."
        ),
    ] = "moving-shapes",
    data_root: Annotated[Path | None, typer.Option(help="Where its files are, if --data gives just a name.")] = None,
    begin: Annotated[
        Path | None,
        typer.Option(help="Go on from the weights in such a folder, or from those that ship: --begin vdm/tiny."),
    ] = None,
    phases: Annotated[str | None, typer.Option(help="Train these alone, such as 'images,decoder'. [all]")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N. [a GPU if there is one]")] = None,
) -> None:
    """Train a system, going on where an earlier run of the same options into the same folder stopped."""
    if steps is not None and seconds is not None:
        raise UsageError(f"--steps {steps} and --seconds {seconds:g} both say how long to train; give one of them")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError("training is a matter of one process; call 'vidgauge train' without torchrun")
    import torch

    from vidgauge.files import sha256
    from vidgauge.progress import progress_bar
    from vidgauge.reference_models.systems import PIPELINES
    from vidgauge.reference_models.training.data import open_data
    from vidgauge.reference_models.training.request import Request
    from vidgauge.reference_models.training.sampling import find_weights
    from vidgauge.reference_models.training.trainer import train as train_system
    from vidgauge.reference_models.training.weights import WEIGHTS

    PIPELINES[system]  # a wrong name should be known before data are looked for
    source = open_data(data, data_root)
    weights = None if begin is None else find_weights(begin)
    request = Request(
        system=system,
        seed=seed,
        steps=steps,
        seconds=seconds,
        data=source.facts,
        phases=None if phases is None else tuple(name.strip() for name in phases.split(",")),
        begin=None if weights is None else sha256(weights),
    )
    with progress_bar() as progress:
        task = progress.add_task(system, total=None)
        facts = train_system(
            request,
            source,
            out,
            device or ("cuda" if torch.cuda.is_available() else "cpu"),
            lambda done, total, text: progress.update(task, completed=done, total=total, description=text),
            weights,
        )
    for phase, n_steps in facts.steps.items():
        typer.echo(f"{phase}: {n_steps:,} steps, loss {facts.losses[phase]:.4f}")
    typer.echo(f"{out / WEIGHTS}: {facts.parameters:,} parameters, trained for {facts.seconds:,.0f} s")
