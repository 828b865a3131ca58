"""Two records of different runs, tested against each other as if they had been made side by side.

A measure that gives each clip a number has these numbers in its records, and nothing else is needed. For any other, the
features of the videos are read from where they are kept: no network looks at a video again. Whether these are the
videos that were scored is seen from the scores: they must come out as the records have them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics.features import FeatureCache, opened
from vidgauge.metrics.means import Mean
from vidgauge.metrics.outcome import Outcome
from vidgauge.metrics.protocols import IntervalRule, Protocol
from vidgauge.metrics.ranks import Ranks, device_here
from vidgauge.metrics.scoring import outcomes_of
from vidgauge.metrics.uncertainty.paired import Difference, difference
from vidgauge.metrics.versus import difference_of
from vidgauge.metrics.video_set import VideoSet
from vidgauge.record import Record

Pair = tuple[Record, Record]

_SAME = 1e-4
"""Relative difference of two scores of the same videos: other devices and batches round otherwise."""


@dataclass(frozen=True)
class Retested:
    """The second record's value less the first's, and what it rests on."""

    difference: Difference
    rests_on: str


def retest(
    pairs: Sequence[Pair],
    *,
    cache: Path | Literal[False] | None = None,
    advance: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005 - silent unless asked
) -> list[Retested | str]:
    """Test each pair of records of one protocol, the later one against the earlier.

    Args:
        pairs: records with values, made by ``vidgauge.metrics.score``, of equal protocol fingerprints.
        cache: folder of features; the user's own unless told; False for none.
        advance: told how many steps of all are done, for each group of pairs anew.

    Returns:
        For each pair the difference, or why there can be no paired test, in a few words.
    """
    found: dict[int, Retested | str] = {}
    groups: dict[str, list[int]] = {}
    for number, pair in enumerate(pairs):
        if all(record.details.get("values") for record in pair):
            found[number] = _by_values(*pair)
        elif why := _unfit(*pair):
            found[number] = why
        elif cache is False:
            found[number] = "features are not read"
        else:
            paths = repr([record.subject.config["generated"] for record in pair] + [pair[0].subject.config["real"]])
            groups.setdefault(paths, []).append(number)
    if groups:
        with opened(cache or None) as features:
            for numbers in groups.values():
                found |= zip(numbers, _by_features([pairs[n] for n in numbers], features, advance), strict=True)
    return [found[number] for number in range(len(pairs))]


def _by_values(first: Record, second: Record) -> Retested | str:
    """From the numbers of each clip; videos that only one of them has are left out."""
    before, after = first.details["values"], second.details["values"]
    names = [name for name in after if name in before]
    if not names or any(record.details["interval"]["draws"] != _draws(first) for record in (first, second)):
        return "no video of one has its like, by name, in the other"
    how = _interval_rule(first)
    sides = [np.array([value for name in names for value in side[name]]) for side in (after, before)]
    groups = [[name for name in names for _ in side[name]] for side in (after, before)]
    (of_after,), (of_before,) = (Mean(side).influences() for side in sides)
    # There is no reference: as many clusters as are needed, which contribute nothing.
    apart = difference(
        float(sides[0].mean() - sides[1].mean()),
        [np.zeros(how.minimum), of_after, -of_before],
        [list(map(str, range(how.minimum))), *groups],
        paired=True,
        level=how.level,
        minimum=how.minimum,
    )
    what = "prompts" if _draws(first) == "prompt" else "videos"
    return Retested(apart, f"the {len(names)} {what} that both have")


def _draws(record: Record) -> str:
    return str(record.details["interval"]["draws"])


def _interval_rule(record: Record) -> IntervalRule:
    return IntervalRule.model_validate(record.details.get("protocol", {}).get("interval", {}))


def _unfit(first: Record, second: Record) -> str:
    """Why features can tell nothing about a pair; nothing where they may."""
    for record in (first, second):
        if not {"real", "generated"} <= set(record.subject.config) or "protocol" not in record.details:
            return "the records do not say which videos they are about"
    if first.subject.config["real"] != second.subject.config["real"]:
        return "the real videos lie at different paths"
    try:
        protocol = _protocol(first)
    except (ValidationError, VidgaugeError):
        return "this version does not know the protocol"
    if protocol.any_rule.paired or protocol.any_rule.needs_captions:
        return "the records hold no numbers of single videos"
    if protocol.ref.fingerprint != first.protocol.fingerprint:
        return "the protocol is another one in this version, or its weights are not here"
    return ""


def _protocol(record: Record) -> Protocol:
    return Protocol.model_validate(record.details["protocol"])


def _by_features(
    pairs: Sequence[Pair], features: FeatureCache, advance: Callable[[int, int], None]
) -> list[Retested | str]:
    """Of pairs about the same videos."""
    try:
        sides = [_seen_again([pair[side] for pair in pairs], features, advance) for side in (0, 1)]
    except VidgaugeError as error:
        return [str(error)] * len(pairs)
    return [_between(pair, [outcomes[pair[0].protocol.name] for outcomes in sides]) for pair in pairs]


def _seen_again(
    records: Sequence[Record], features: FeatureCache, advance: Callable[[int, int], None]
) -> Mapping[str, Outcome]:
    """What the protocols say of the videos that lie now where those of the records lay."""
    config: Mapping[str, Any] = records[0].subject.config
    return outcomes_of(
        [_protocol(record) for record in records],
        {"real": VideoSet.open(config["real"]), "generated": VideoSet.open(config["generated"])},
        {"real": None, "generated": None},
        features,
        Ranks(),
        device_here(None),
        batch_size=8,
        advance=advance,
        most_unseen=max(record.n_failed for record in records),  # what failed then is not kept, and fails again
        workers=1,
        strict=False,
    )


def _between(pair: Pair, outcomes: Sequence[Outcome]) -> Retested | str:
    for record, outcome in zip(pair, outcomes, strict=True):
        again = outcome.fields.get("value")
        if again is None:
            return str(outcome.fields.get("reason"))
        if not math.isclose(again, record.value or 0.0, rel_tol=_SAME, abs_tol=1e-6):
            where = ", ".join(map(str, record.subject.config["generated"]))
            return f"other videos than those that were scored lie in {where}, or among the real ones"
    try:
        apart = difference_of(_protocol(pair[0]), outcomes[1], outcomes[0])
    except UsageError as error:
        return str(error)
    return Retested(apart, "features of the videos, those of one name together")
