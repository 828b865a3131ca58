"""The tour: layers profiled, and videos of small trained systems and of stand-ins scored, offline, on Moving Shapes."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from vidgauge.bench.studies.card_records import card_records
from vidgauge.bench.studies.compare.lanes import Job, Lanes, Tell
from vidgauge.datasets.distortions import distort
from vidgauge.datasets.moving_shapes import MovingShapes, scene_at
from vidgauge.datasets.tables import json_rows
from vidgauge.datasets.writing import write_video
from vidgauge.environment import Environment
from vidgauge.files import sha256
from vidgauge.metrics.scoring import score
from vidgauge.record import Record
from vidgauge.reference_models.shipped import names, shipped
from vidgauge.reference_models.training.sampling import MANIFEST, sample
from vidgauge.store import Store

CLIPS = 132
"""Of the real set and of each stand-in: above twice the 64 features, below which a Fréchet distance is mostly bias."""
SAMPLES = 12
"""Of each system, a second or three of one core apiece: enough to look at, and for means over videos."""
OF_EACH_VIDEO = ("clipsim.shapes", "frame-consistency.shapes")
"""Protocols that are means over videos. So few samples have no distance from a set that would mean anything: that of
many more is on the cards."""
FRAMES, SIDE = 16, 32
"""Of all videos: those that the tiny systems make."""
_REAL_SEED, _GENERATED_SEED = 2_000_001, 2_000_002  # of worlds that no network and no system was trained on
_SAMPLING = 0.9
"""Of a system's progress; the rest is scoring."""


@dataclass(frozen=True)
class Damage:
    """What is done to the videos of one stand-in for a generator."""

    name: str
    distortion: str | None


# "fresh" is drawn from the same world as the real set: what it scores is the floor at this number of clips.
STAND_INS = (Damage("fresh", None), Damage("shuffled", "shuffle"), Damage("frozen", "freeze"))


def write_videos(folder: Path, clips: int = CLIPS) -> Iterator[Path]:
    """Write the real set, the stand-ins and ``captions.csv`` as lossless videos; yields each path as it is done.

    Stand-ins are named by number, as samples are: those of one number have one caption.
    """
    for name in ("real", *(damage.name for damage in STAND_INS)):
        for stale in (folder / name).glob("*.mkv"):  # of an earlier tour, perhaps with other scenes
            stale.unlink()
    for clip in MovingShapes(FRAMES, SIDE, SIDE, seed=_REAL_SEED, count=clips):
        yield _write(folder / "real" / f"{clip.id}.mkv", clip.frames_thwc, clip.fps)
    captions = []
    for number, clip in enumerate(MovingShapes(FRAMES, SIDE, SIDE, seed=_GENERATED_SEED, count=clips)):
        file = f"{number:06d}.mkv"
        captions.append((file, clip.caption))
        for damage in STAND_INS:
            frames_thwc = clip.frames_thwc
            if damage.distortion is not None:
                frames_thwc = distort(frames_thwc, damage.distortion, 1.0, seed=number)
            yield _write(folder / damage.name / file, frames_thwc, clip.fps)
    with (folder / "captions.csv").open("w", encoding="utf-8", newline="") as table:
        csv.writer(table).writerows([("file", "caption"), *captions])


def count_videos(clips: int = CLIPS) -> int:
    """How many videos ``write_videos`` writes."""
    return clips * (1 + len(STAND_INS))


def sample_and_score(folder: Path, store: Store, lanes: Lanes, tell: Tell, samples: int = SAMPLES) -> list[Record]:
    """Sample all systems whose weights ship, and score them and the stand-ins with embedded protocols, into the store.

    Args:
        folder: where ``write_videos`` wrote; samples go beside.
        store: takes the records.
        lanes: where it is done.
        tell: for progress; told what share is done.
        samples: of each system.

    Returns:
        The records: stand-ins first, then systems.
    """
    stand_ins = [partial(_stand_in, folder, damage.name) for damage in STAND_INS]
    systems = [partial(_system, folder, name, samples) for name in names()]
    # The first to be scored leaves the features of the real set to those that come last.
    jobs: list[Job] = [stand_ins[0], *systems, *stand_ins[1:]]
    results: dict[int, tuple[list[Record], Environment]] = dict(lanes.run(jobs, tell))
    order = [0, *range(1 + len(systems), len(jobs)), *range(1, 1 + len(systems))]
    found = [(record, results[number][1]) for number in order for record in results[number][0]]
    for record, environment in found:  # in this order on the page as well, whichever was done first
        store.add(record, environment)
    return [record for record, _ in found]


def state_cards(store: Store) -> list[Record]:
    """Put what the cards of shipped weights say of their quality into the store."""
    stated = list(card_records())
    for record, environment in stated:
        store.add(record, environment)
    return [record for record, _ in stated]


def _stand_in(folder: Path, name: str, tell: Tell) -> tuple[list[Record], Environment]:
    def told(done: int, total: int) -> None:
        tell(done / total, f"scoring {name} videos")

    scored = score(folder / "real", folder / name, captions=folder / "captions.csv", workers=1, advance=told)
    return scored, Environment.capture()


def _system(folder: Path, name: str, samples: int, tell: Tell) -> tuple[list[Record], Environment]:
    weights = shipped(name)
    assert weights is not None
    videos = folder / name.replace("/", "-")
    _clear(videos, sha256(weights))
    captions = [scene_at(_GENERATED_SEED, number).caption for number in range(samples)]
    say: Callable[[float, int], None] = lambda done, total: tell(_SAMPLING * done / total, f"sampling {name}")  # noqa: E731
    sample(weights, videos, samples, captions, batch=samples, advance=say)
    scored = score(folder / "real", videos, OF_EACH_VIDEO, captions=videos / MANIFEST, workers=1)
    return [_named(record, name) for record in scored], Environment.capture()


def _clear(videos: Path, digest: str) -> None:
    """Remove what other weights made in an earlier tour."""
    manifest = videos / MANIFEST
    if manifest.exists() and any(row.get("weights") != digest for row in json_rows(manifest)):
        for stale in (*videos.glob("*.mkv"), manifest):
            stale.unlink()


def _named(record: Record, system: str) -> Record:
    """By the system, and with a word on how few videos it rests on."""
    return record.model_copy(
        update={
            "subject": record.subject.model_copy(update={"name": system}),
            "details": record.details | {"small_n": True},
        }
    )


def _write(path: Path, frames_thwc: Tensor, fps: float) -> Path:
    write_video(path, frames_thwc, fps)
    return path
