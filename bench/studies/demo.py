"""The tour: layers profiled and videos scored, offline, on Moving Shapes and damaged copies of it."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from vidgauge.datasets.moving_shapes import MovingShapes, distort
from vidgauge.datasets.writing import write_video
from vidgauge.environment import Environment
from vidgauge.metrics.scoring import score
from vidgauge.record import Record
from vidgauge.store import Store

CLIPS = 144  # more than twice the 64 features, below which a Fréchet distance is mostly bias
_REAL_SEED, _GENERATED_SEED = 2_000_001, 2_000_002  # neither is a seed that the networks were trained on


@dataclass(frozen=True)
class Damage:
    """What is done to the videos of one stand-in for a generator."""

    name: str
    distortion: str | None
    severity: float = 0.0


# "fresh" is drawn from the same world as the real set: what it scores is the floor at this number of clips.
STAND_INS = (
    Damage("fresh", None),
    Damage("noisy", "noise", 0.5),
    Damage("shuffled", "shuffle", 1.0),
    Damage("frozen", "freeze", 1.0),
)


def write_videos(folder: Path, clips: int = CLIPS) -> Iterator[Path]:
    """Write the real set, the stand-ins and ``captions.csv`` as lossless videos; yields each path as it is done."""
    for stale in folder.glob("*/moving-shapes-*.mkv"):  # of an earlier tour, perhaps with other scenes
        stale.unlink()
    for sample in MovingShapes(seed=_REAL_SEED, count=clips):
        yield _write(folder / "real" / f"{sample.id}.mkv", sample.frames_thwc, sample.fps)
    captions = []
    for index, sample in enumerate(MovingShapes(seed=_GENERATED_SEED, count=clips)):
        captions.append((f"{sample.id}.mkv", sample.caption))
        for damage in STAND_INS:
            frames_thwc = sample.frames_thwc
            if damage.distortion is not None:
                frames_thwc = distort(frames_thwc, damage.distortion, damage.severity, seed=index)
            yield _write(folder / damage.name / f"{sample.id}.mkv", frames_thwc, sample.fps)
    with (folder / "captions.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("file", "caption"), *captions])


def count_videos(clips: int = CLIPS) -> int:
    """How many videos ``write_videos`` writes."""
    return clips * (1 + len(STAND_INS))


def score_videos(folder: Path, store: Store, advance: Callable[[str, int, int], None]) -> list[Record]:
    """Score each stand-in against the real set with the embedded protocols, into the store.

    Args:
        folder: where ``write_videos`` wrote.
        store: takes the records.
        advance: called with the stand-in's name, steps done and steps in all.
    """
    environment = Environment.capture()
    records = []
    for damage in STAND_INS:
        made = folder / damage.name
        step = partial(advance, damage.name)
        scored = score(folder / "real", made, captions=folder / "captions.csv", advance=step)
        for record in scored:
            store.add(record, environment)
        records += scored
    return records


def _write(path: Path, frames_thwc: Tensor, fps: float) -> Path:
    write_video(path, frames_thwc, fps)
    return path
