"""``vidgauge score``: how good are these videos."""

import json as json_format
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from vidgauge.record import Record

_PIPELINE = "diffusers:"


def score(
    real: Annotated[
        list[Path],
        typer.Option(help="File, folder, or data set (NAME@ROOT:SPLIT) of real videos; may be given several times."),
    ],
    generated: Annotated[
        list[Path],
        typer.Option(help="File or folder of generated videos; may be given several times. Or diffusers:PIPELINE."),
    ],
    protocol: Annotated[
        list[str] | None,
        typer.Option(help="Name or pattern such as 'fvd.*'; several times for several. [the embedded five]"),
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Show how far the other protocols of its measure are from this one.")
    ] = None,
    captions: Annotated[
        Path | None,
        typer.Option(help="CSV or JSON that gives each generated file its caption; of a pipeline, its prompts."),
    ] = None,
    samples: Annotated[
        Path | None, typer.Option(help="Folder for what a pipeline makes. [vidgauge-samples/ and its name]")
    ] = None,
    pipeline_option: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE of a pipeline's call, as in num_frames=16; or of seed, fps, dtype. Repeatable."),
    ] = None,
    real_captions: Annotated[
        Path | None, typer.Option(help="The same for the real files. [those of a data set]")
    ] = None,
    versus: Annotated[
        list[Path] | None, typer.Option(help="Other generated videos, to be compared with the first ones.")
    ] = None,
    versus_captions: Annotated[Path | None, typer.Option(help="Their captions.")] = None,
    clips: Annotated[
        Literal["first", "centre", "random", "all", "sliding", "whole"] | None,
        typer.Option(help="Which clips of each file. [the protocol's]"),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of random clips. [the protocol's]")] = None,
    step: Annotated[int | None, typer.Option(help="Frames from the start of one sliding clip to the next.")] = None,
    frames: Annotated[int | None, typer.Option(help="Frames of a clip. [the protocol's]")] = None,
    fps: Annotated[float | None, typer.Option(help="Take frames at this rate, by their times. [every frame]")] = None,
    seconds: Annotated[float | None, typer.Option(help="Length of a clip in seconds, instead of --fps.")] = None,
    interval: Annotated[
        Literal["influence", "bootstrap"] | None, typer.Option(help="How intervals are made. [the protocol's]")
    ] = None,
    draw: Annotated[
        Literal["video", "prompt"] | None, typer.Option(help="What intervals draw anew. [the protocol's: video]")
    ] = None,
    replicates: Annotated[int | None, typer.Option(help="Of the bootstrap. [the protocol's]")] = None,
    permutations: Annotated[
        int | None, typer.Option(help="Test by so many permutations whether sets can be told apart at all.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Clips a network sees at once.")] = 8,
    workers: Annotated[int, typer.Option(min=0, help="Files decoded ahead.")] = 2,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads for the networks. [all]")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N. [a GPU if there is one]")] = None,
    precision: Annotated[
        Literal["float32", "float64", "tf32", "bfloat16"] | None,
        typer.Option(help="What networks compute in; their protocols are others then. [the protocol's]"),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of features, so that no video is looked at twice. [the user's cache]")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Read no features, and keep none.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail at the first file that cannot be used.")] = False,
    random_weights: Annotated[
        int | None, typer.Option(help="Seed of random networks, to try speed and plumbing; never ranked.")
    ] = None,
    weights_dir: Annotated[Path | None, typer.Option(help="Folder that is searched for weights first.")] = None,
    store: Annotated[Path, typer.Option(help="Records are added to this file.")] = Path("vidgauge.sqlite"),
    json: Annotated[bool, typer.Option("--json", help="Print the records as a JSON list.")] = False,
) -> None:
    """Score generated videos against real ones; the exit status is 1 if a score could not be computed.

    Under torchrun the processes share the videos, and the first one speaks.
    """
    import torch

    from vidgauge.environment import Environment
    from vidgauge.errors import UsageError
    from vidgauge.metrics.scoring import EMBEDDED
    from vidgauge.metrics.scoring import score as score_videos
    from vidgauge.progress import progress_bar
    from vidgauge.store import Store
    from vidgauge.terminal import print_records

    if weights_dir is not None:
        os.environ["VIDGAUGE_WEIGHTS"] = str(weights_dir)
    if threads is not None:
        torch.set_num_threads(threads)
    chosen = [*(protocol or EMBEDDED), *([against] if against else [])]
    if cache is not None and no_cache:
        raise UsageError("--cache says where features are kept, and --no-cache that none are; give one of them")
    if store.exists():  # a wrong path should be known before the work, not after it
        Store(store).close()
    generated, captions = _sampled(generated, captions, samples, pipeline_option or [], device)
    with progress_bar() as progress:
        task = progress.add_task("scoring", total=None)
        records = score_videos(
            real,
            generated,
            chosen,
            captions=captions,
            real_captions=real_captions,
            versus=versus,
            versus_captions=versus_captions,
            interval={"method": interval, "draw": draw, "replicates": replicates, "permutations": permutations},
            random_weights=random_weights,
            clips={"offset": clips, "seed": seed, "step": step, "frames": frames, "fps": fps, "seconds": seconds},
            device=device,
            precision=precision,
            cache=False if no_cache else cache,
            batch_size=batch_size,
            workers=workers,
            strict=strict,
            advance=lambda done, total: progress.update(task, completed=done, total=total),
        )
    if not records:  # another process has them
        return
    environment = Environment.capture()
    with Store(store) as records_store:
        for record in records:
            records_store.add(record, environment)
    if json:
        typer.echo(
            json_format.dumps([record.model_dump(mode="json") for record in records], indent=1, ensure_ascii=False)
        )
    else:
        reference = next((one for one in records if against and _base(one) == against), None)
        print_records(records, against=reference)
    if any(record.status == "failed" for record in records):
        raise typer.Exit(1)


def _sampled(
    generated: list[Path], captions: Path | None, samples: Path | None, options: list[str], device: str | None
) -> tuple[list[Path], Path | None]:
    """The generated videos and their captions: those of a pipeline of diffusers' once it has made them."""
    from vidgauge.errors import UsageError

    if not any(str(path).startswith(_PIPELINE) for path in generated):
        if samples is not None or options:
            raise UsageError("--samples and --pipeline-option are for --generated diffusers:PIPELINE")
        return generated, captions
    if len(generated) > 1:
        raise UsageError(f"--generated {generated[0]} stands alone; score other videos in a call of their own")
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UsageError("a pipeline is sampled by one process; sample without torchrun, then score the folder with it")
    from vidgauge.datasets.prompts import read_prompts
    from vidgauge.metrics.ranks import device_here
    from vidgauge.progress import progress_bar
    from vidgauge.reference_models.diffusers_sampling import sample_pipeline
    from vidgauge.reference_models.training.sampling import MANIFEST

    source = str(generated[0]).removeprefix(_PIPELINE)
    folder = samples or Path("vidgauge-samples") / Path(source).name
    with progress_bar() as progress:
        task = progress.add_task("sampling", total=None)
        sample_pipeline(
            source,
            folder,
            [prompt.text for prompt in read_prompts(captions)] if captions else [],
            dict(map(_option, options)),
            device=device_here(device),
            advance=lambda done, total: progress.update(task, completed=done, total=total),
        )
    return [folder], folder / MANIFEST


def _option(text: str) -> tuple[str, object]:
    """KEY=VALUE, where the value is JSON if it can be, and text otherwise."""
    from vidgauge.errors import UsageError

    key, equals, value = text.partition("=")
    if not (key.isidentifier() and equals):
        raise UsageError(f"got --pipeline-option {text!r}; it is KEY=VALUE, such as num_frames=16")
    try:
        return key, json_format.loads(value)
    except ValueError:
        return key, value


def _base(record: "Record") -> str:
    """The protocol's name without what options changed."""
    return record.protocol.name.partition("[")[0]
