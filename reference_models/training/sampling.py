"""Sampling a trained system into a folder: lossless videos, and ``manifest.jsonl``, which says what each of them is."""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from vidgauge.datasets.moving_shapes import scene_at
from vidgauge.datasets.tables import json_rows
from vidgauge.datasets.writing import video_writer
from vidgauge.errors import UsageError
from vidgauge.files import sha256, whole_file
from vidgauge.reference_models.pipeline import Pipeline, Sampling
from vidgauge.reference_models.shipped import names, shipped
from vidgauge.reference_models.systems import PIPELINES, SYSTEMS
from vidgauge.reference_models.training.checkpoint import CHECKPOINT
from vidgauge.reference_models.training.data import HELD_OUT_WORLD, SHAPES
from vidgauge.reference_models.training.seeds import seed_of
from vidgauge.reference_models.training.weights import WEIGHTS, Facts, load_pipeline

MANIFEST = "manifest.jsonl"

Row = dict[str, Any]


def find_weights(given: Path) -> Path:
    """The weights file that is meant: by itself, by the folder it was trained into, or by a preset whose weights ship.

    Raises:
        UsageError: where there is none, saying how there would be.
        VidgaugeError: where what ships is not what its card says.
    """
    name = given.as_posix()
    if given.is_file():
        return given
    if (given / WEIGHTS).is_file():
        return given / WEIGHTS
    if (given / CHECKPOINT).is_file():
        raise UsageError(f"{given}: is not trained to its end; give its 'vidgauge train' again, which goes on")
    if (ready := shipped(name)) is not None:
        return ready
    by_name = f" (by its name: {', '.join(names())})" if names() else ""
    if name in PIPELINES:
        folder = f"runs/{name.replace('/', '-')}"
        raise UsageError(
            f"no weights of {name} ship with vidgauge; run 'vidgauge train {name} --out {folder}', and give {folder}, "
            f"or take another system{by_name}"
        )
    if name in SYSTEMS:
        raise UsageError(f"{name} is one network, which is built and measured; give a trained pipeline{by_name}")
    raise UsageError(f"{given}: holds no {WEIGHTS}; give a folder that 'vidgauge train' wrote, or a system{by_name}")


def captions_for(facts: Facts, count: int) -> list[str]:
    """Captions of the world that the system was trained in, of scenes that it has not seen.

    Raises:
        UsageError: where that world has captions, but not more of them than it was trained with.
    """
    data = facts.request.data
    if data["name"] == SHAPES:
        return [scene_at(HELD_OUT_WORLD, number).caption for number in range(count)]
    if data["captions"]:
        raise UsageError(f"it was trained with the captions of {data['name']}; say what to show with --captions FILE")
    return [""] * count


def sample(
    weights: Path,
    folder: Path,
    count: int,
    captions: Sequence[str] | None = None,
    *,
    seed: int = 0,
    options: Sampling | None = None,
    batch: int = 8,
    device: str = "cpu",
    advance: Callable[[float, int], object] = lambda done, total: None,  # noqa: ARG005
    part: tuple[int, int] | None = None,
) -> int:
    """Fill a folder with videos, or go on with what an earlier call of the same options began there.

    A video follows from the weights, the options, the seed, its number and its caption: whatever the batch, and
    whichever are there already. Several processes may share the videos, each with a part of its own.

    Args:
        weights: of a trained system.
        folder: where ``000000.mkv`` and so on are written, and the manifest.
        count: how many videos; a folder that has fewer gets more.
        captions: taken in turn; those of ``captions_for`` without any.
        seed: of the noise.
        options: how to sample; the preset's own without.
        batch: videos made at once.
        device: where to compute.
        advance: told how many videos are done, the present ones in part, and how many are to be made.
        part: which of how many parts of the videos to make; without it the one of this process under torchrun, or all.

    Returns:
        How many of the videos were made by this call.

    Raises:
        UsageError: where the folder has videos of other options.
    """
    options = options or Sampling()
    pipeline, facts = load_pipeline(weights, device)
    told = [captions[i % len(captions)] for i in range(count)] if captions else captions_for(facts, count)
    shared: Row = {"seed": seed, "system": facts.request.system, "weights": sha256(weights), **vars(options)}
    shared["fps"] = pipeline.fps
    rows: list[Row] = [{"file": f"{i:06d}.mkv", "caption": told[i], "number": i} | shared for i in range(count)]
    claim_folder(folder, rows)
    rank, ranks = part or (int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))
    missing = [row for row in rows[rank::ranks] if not (folder / row["file"]).exists()]
    done = 0
    while some := missing[done : done + batch]:
        _make(pipeline, some, folder, options, lambda part: advance(done + len(some) * part, len(missing)))  # noqa: B023
        done += len(some)
    return done


def claim_folder(folder: Path, rows: list[Row]) -> None:
    """Write the manifest before the videos; one that is there must say the same, or less, or more.

    Args:
        folder: made if it is not there.
        rows: what each video is to be, its file, number and caption among it.

    Raises:
        UsageError: where the folder has videos of other options, or of nobody knows which.
    """
    manifest = folder / MANIFEST
    there: list[Row] = list(json_rows(manifest)) if manifest.exists() else []
    if not there and any(folder.glob("*.mkv")):
        raise UsageError(f"{folder}: has videos, but no {MANIFEST}; give another --out")
    for old, new in zip(there, rows, strict=False):
        different = [f"{key} {old.get(key)}, now {new[key]}" for key in new if old.get(key) != new[key]]
        if different:
            raise UsageError(f"{folder}: has videos of other options ({'; '.join(different)}); give another --out")
    if len(rows) > len(there):
        with whole_file(manifest) as partial:
            partial.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def _make(
    pipeline: Pipeline, rows: Sequence[Row], folder: Path, options: Sampling, advance: Callable[[float], object]
) -> None:
    """Make some videos at once, each into its file as its frames come."""
    seeds = [seed_of(row["seed"], row["number"]) for row in rows]
    chunks = pipeline.sample(
        [row["caption"] for row in rows], seeds, options, lambda done, steps: advance(done / steps)
    )
    with ExitStack() as files, torch.no_grad():
        videos = [files.enter_context(video_writer(folder / row["file"], pipeline.fps)) for row in rows]
        for chunk_bthwc in chunks:
            for video, frames_thwc in zip(videos, chunk_bthwc, strict=True):
                video.write(frames_thwc)
