"""All undistorted clips divided at random, again and again: what a protocol says where there is nothing to be seen."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidgauge.bench.studies.validate.clips import Clips
from vidgauge.errors import UsageError
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.features import opened
from vidgauge.metrics.outcome import Outcome
from vidgauge.metrics.protocols import Protocol
from vidgauge.metrics.ranks import device_here, ranks_here
from vidgauge.metrics.scoring import outcomes_of
from vidgauge.metrics.video_set import Side, VideoSet

TIMES = 100


def values_of_halves(
    clips: Clips,
    protocols: Sequence[Protocol],
    *,
    device: str | None,
    cache: Path | None,
    workers: int,
    advance: Callable[[float], None],
) -> Iterator[tuple[Protocol, list[float] | str]]:
    """For each protocol about sets its value of one half beside the other, as often as `TIMES`; or why it has none.

    Each clip is looked at once at most: halves are parts of what the networks made of all of them.
    """
    videos, place = VideoSet.open([*clips.real, *clips.other]), device_here(device)
    shown = videos.captions_from(clips.captions, workers)
    sets: dict[Side, VideoSet] = {"real": videos, "generated": videos}
    divided = [_divided(sorted(entry.id for entry in videos.entries), number) for number in range(TIMES)]
    with opened(cache) as features, ranks_here(place) as ranks:
        outcomes = outcomes_of(
            protocols,
            sets,
            dict.fromkeys(sets, shown),
            features,
            ranks,
            place,
            batch_size=8,
            workers=workers,
            strict=False,
            advance=lambda done, total: advance(done / total),
        )
        for protocol in protocols:
            try:
                yield protocol, [_value(protocol, outcomes[protocol.name], *halves) for halves in divided]
            except UsageError as error:
                yield protocol, str(error)


def _divided(names: list[str], number: int) -> tuple[list[str], list[str]]:
    order = np.random.default_rng(number).permutation(len(names))
    half = len(names) // 2
    return [names[index] for index in order[:half]], [names[index] for index in order[half:]]


def _value(protocol: Protocol, outcome: Outcome, real: list[str], generated: list[str]) -> float:
    """Of one half beside the other, or of the second alone."""
    if "value" not in outcome.fields:
        raise UsageError(outcome.fields["reason"])
    names: dict[Side, list[str]] = {"real": real, "generated": generated}
    parts = [evidence.part(_rows(evidence, names[side])) for side, evidence in outcome.sides.items()]
    return protocol.rule.statistic(*parts)()


def _rows(evidence: Evidence, names: list[str]) -> NDArray[np.intp]:
    return np.flatnonzero(np.isin(evidence.names, names))
