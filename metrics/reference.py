"""References: the features of a set of videos as one file, to score against where the videos themselves are not."""

from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics.arrays import Array
from vidgauge.metrics.extraction import Extraction
from vidgauge.metrics.extractor import Extractor, NetworkUse
from vidgauge.metrics.features import makers, opened, write_sealed
from vidgauge.metrics.looks import looks_of
from vidgauge.metrics.moments import Moments
from vidgauge.metrics.protocols import Protocol
from vidgauge.metrics.ranks import Ranks, device_here
from vidgauge.metrics.video_set import Paths, VideoSet


def export(
    videos: Paths,
    protocol: Protocol,
    path: Path,
    *,
    captions: Path | None = None,
    device: str | None = None,
    cache: Path | str | Literal[False] | None = None,
    workers: int = 2,
    strict: bool = False,
    advance: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005 - silent unless asked
) -> int:
    """Write what a protocol must know of its real videos; what the cache does not have yet is computed.

    The file holds the features and names of the videos, what they were made with, mean and covariance (float64, ddof 1)
    of each output with one row a clip, and a digest of all that. It takes the place of the videos: ``--real FILE``.

    Args:
        videos: the videos, as for ``score``.
        protocol: what they are the real videos of.
        path: where the file is written; its name ends in ``.safetensors``.
        captions: file that gives each video its caption; a data set's own otherwise.
        device: where the network runs, as for ``score``.
        cache: of features, as for ``score``.
        workers: files decoded ahead.
        strict: fail at the first file that cannot be used, instead of leaving it out with a note.
        advance: called after each file with the number of files done and in all.

    Returns:
        How many videos it holds.

    Raises:
        UsageError: for a protocol that compares no sets, or another suffix.
        VidgaugeError: if no video can be used.
    """
    if path.suffix != ".safetensors":
        raise UsageError(f"{path}: a reference is a file of safetensors; let its name end in .safetensors")
    if protocol.any_rule.paired or not protocol.any_rule.compares:
        raise UsageError(f"{protocol.name} has no set of real videos to refer to; choose a protocol that compares sets")
    videos_here = VideoSet.open(videos, strict)
    shown = videos_here.captions_from(captions, workers)
    look = looks_of(protocol)["real"]
    entries = look.draw(videos_here.entries)
    extractor, done = Extractor(NetworkUse.of(protocol), device=device_here(device)), iter(range(1, len(entries) + 1))
    with opened(cache) as features:
        extraction = Extraction(entries, look.clip, [extractor], features, Ranks(), batch_size=8)
        evidence = extraction.run(
            captions=shown, workers=workers, strict=strict, advance=lambda: advance(next(done), len(entries))
        )[extractor.use]
        if not len(evidence):
            raise VidgaugeError(f"no video of {videos_here.name} can be used: {evidence.failed[0].reason}")
        outputs = {name: np.asarray(rows) for name, rows in evidence.outputs.items()}
    clips = zip(evidence.sources, evidence.names, evidence.contents, strict=True)
    runs = [(key, sum(1 for _ in run)) for key, run in groupby(clips)]
    facts = {
        "way": extractor.seen | {"clip": look.clip.model_dump()},
        "made_by": makers(),
        "set": videos_here.name,
        "names": [name for (_, name, _), _ in runs],
        "videos": [(content, count) for (_, _, content), count in runs],
        "captions": None if shown is None else [shown[name] for (_, name, _), _ in runs],
        "outputs": sorted(outputs),
        "notes": [*videos_here.notes, *(f"left out: {item.file}: {item.reason}" for item in evidence.failed)],
    }
    write_sealed(path, outputs | _statistics(outputs), facts)
    return len(runs)


def _statistics(outputs: Mapping[str, NDArray[np.float32]]) -> dict[str, Array]:
    """For those who need no more: what a Fréchet distance is computed from."""
    statistics: dict[str, Array] = {}
    for name, rows in outputs.items():
        if rows.ndim == 2 and len(rows) > 1:
            moments = Moments.of(rows)
            statistics |= {f"{name}.mean": moments.mean, f"{name}.covariance": moments.covariance(ddof=1)}
    return statistics
