"""``vidgauge sample``: videos out of a trained system."""

from pathlib import Path
from typing import Annotated

import typer


def sample(
    weights: Annotated[
        Path,
        typer.Argument(
            help="A system whose weights ship, such as vdm/tiny; a folder of 'vidgauge train'; a weights file."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the videos and their manifest.jsonl.")],
    count: Annotated[int | None, typer.Option(min=1, help="How many videos. [one a caption, or 16]")] = None,
    captions: Annotated[
        Path | None,
        typer.Option(help="What they show, in turn: .txt with one a line, .csv, .json or .jsonl. [unseen scenes']"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise.")] = 0,
    steps: Annotated[int | None, typer.Option(min=1, help="Denoising steps of each stage. [the preset's]")] = None,
    guidance: Annotated[
        float | None, typer.Option(help="Scale of classifier-free guidance; 1 is without. [the preset's]")
    ] = None,
    no_temporal: Annotated[bool, typer.Option("--no-temporal", help="Make each frame for itself.")] = False,
    batch: Annotated[int, typer.Option(min=1, help="Videos made at once; the same ones whatever it is.")] = 8,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N. [a GPU if there is one]")] = None,
) -> None:
    """Sample videos, going on where an earlier call of the same options into the same folder stopped.

    Under torchrun the processes share the videos.
    """
    import torch

    from vidgauge.datasets.prompts import read_prompts
    from vidgauge.progress import progress_bar
    from vidgauge.reference_models.pipeline import Sampling
    from vidgauge.reference_models.training.sampling import find_weights
    from vidgauge.reference_models.training.sampling import sample as sample_into

    file = find_weights(weights)
    texts = [prompt.text for prompt in read_prompts(captions)] if captions else None
    wanted = count or (len(texts) if texts else 16)
    with progress_bar() as progress:
        task = progress.add_task("sampling", total=None)
        made = sample_into(
            file,
            out,
            wanted,
            texts,
            seed=seed,
            options=Sampling(steps, guidance, temporal=not no_temporal),
            batch=batch,
            device=device or ("cuda" if torch.cuda.is_available() else "cpu"),
            advance=lambda done, total: progress.update(task, completed=done, total=total),
        )
    typer.echo(f"{out}: {wanted:,} videos, {made:,} of them new")
