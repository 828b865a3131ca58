"""Videos of a trained entrant: lossless files with a manifest, and the same in the common format where they differ."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from vidgauge.bench.contests.learning_sets import file_of
from vidgauge.bench.contests.learning_systems import NO_TIME, SAMPLES
from vidgauge.bench.studies.compare.common_format import FORMAT, in_common_format
from vidgauge.bench.studies.compare.lanes import Job, Tell
from vidgauge.datasets import read_video
from vidgauge.datasets.writing import write_video
from vidgauge.reference_models.pipeline import Sampling
from vidgauge.reference_models.training.sampling import sample
from vidgauge.reference_models.training.weights import WEIGHTS, read_facts

KINDS = (SAMPLES, NO_TIME)
"""Videos as they are, and with each frame made for itself."""
BATCH = {"cpu": 8, "cuda": 64}
"""Videos made at once: the same ones whatever it is, but for rounding."""


def folder_of(trained: Path, kind: str) -> Path:
    """Where an entrant's videos lie, beside its weights."""
    return trained / kind.replace(", ", " ").replace(" ", "-")


def in_format(trained: Path, kind: str) -> Path:
    """Where they lie in the common format: the same folder, unless the system gives more."""
    made = folder_of(trained, kind)
    return made if _fits(trained) else made.with_name(f"{made.name}-{FORMAT}")


def sampling(
    trained: Path,
    name: str,
    kind: str,
    prompts: Sequence[str],
    seed: int,
    steps: int | None,
    device: str,
    part: tuple[int, int] = (0, 1),
) -> Job:
    """The job that makes one video a prompt, or some of them, but for those that are there.

    Args:
        trained: the folder with the weights.
        name: what progress calls it.
        kind: one of ``KINDS``.
        prompts: what the videos are to show.
        seed: of the noise.
        steps: of each stage; the preset's own without.
        device: where.
        part: which of how many parts.
    """
    options = Sampling(steps=steps, temporal=kind == SAMPLES)
    return partial(_sample, trained, name, kind, tuple(prompts), seed, options, device, part)


def _sample(
    trained: Path,
    name: str,
    kind: str,
    prompts: tuple[str, ...],
    seed: int,
    options: Sampling,
    device: str,
    part: tuple[int, int],
    tell: Tell,
) -> None:
    sample(
        trained / WEIGHTS,
        folder_of(trained, kind),
        len(prompts),
        prompts,
        seed=seed,
        options=options,
        batch=BATCH[torch.device(device).type],
        device=device,
        advance=lambda done, total: tell(done / max(1, total), f"{kind} of {name}"),
        part=part,
    )
    if not _fits(trained):
        for number in range(part[0], len(prompts), part[1]):
            _bring_to_format(file_of(folder_of(trained, kind), number), file_of(in_format(trained, kind), number))


def _bring_to_format(video: Path, path: Path) -> None:
    if not path.exists():
        given = read_video(video)
        write_video(path, in_common_format(given.frames_thwc), given.fps)


def _fits(trained: Path) -> bool:
    return read_facts(trained / WEIGHTS).gives == (FORMAT.frames, FORMAT.height, FORMAT.width)
