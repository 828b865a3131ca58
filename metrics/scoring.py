"""Scoring: two sets of videos and some protocols in, one record a protocol out."""

import itertools
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from torch import nn

from vidgauge.environment import Environment
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.metrics.extractor import Extractor, NetworkUse, load
from vidgauge.metrics.features import FeatureCache, opened
from vidgauge.metrics.outcome import Outcome
from vidgauge.metrics.protocols import Precision, Protocol, select
from vidgauge.metrics.ranks import Ranks, device_here, ranks_here
from vidgauge.metrics.studies import Pairs, Sets
from vidgauge.metrics.unlikeness import unlikeness
from vidgauge.metrics.versus import differences
from vidgauge.metrics.video_set import Paths, Side, VideoSet
from vidgauge.record import Record, Subject

EMBEDDED = ("clipsim.shapes", "frame-consistency.shapes", "fvd.shapes", "is.shapes", "kvd.shapes")
"""Protocols that need no file but the package's own."""


def score(
    real: Paths,
    generated: Paths,
    protocols: Sequence[str] = EMBEDDED,
    *,
    captions: Path | str | None = None,
    real_captions: Path | str | None = None,
    versus: Paths | None = None,
    versus_captions: Path | str | None = None,
    clips: Mapping[str, str | float | None] | None = None,
    interval: Mapping[str, str | float | None] | None = None,
    random_weights: int | None = None,
    precision: Precision | None = None,
    device: str | None = None,
    cache: Path | str | Literal[False] | None = None,
    batch_size: int = 8,
    workers: int = 2,
    strict: bool = False,
    advance: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005 - silent unless asked
) -> list[Record]:
    """Score generated videos against real ones, decoding each file once for all protocols with equal clip rules.

    Args:
        real: path or paths of files or folders of real videos, or a data set as NAME@ROOT or NAME@ROOT:SPLIT, or
            references that ``vidgauge features export`` wrote.
        generated: the same for the videos under test.
        protocols: names or shell patterns of protocols.
        captions: file that gives each generated video its caption; protocols that need captions are skipped without it.
        real_captions: the same for the real videos, which few protocols need; a data set's own otherwise.
        versus: other generated videos, which are scored against the same real ones and compared with the first: a
            record of the difference is added for each protocol about sets.
        versus_captions: the captions of those.
        clips: fields of the protocols' clip rule to change, such as ``{"offset": "all"}``; the name of each protocol
            then says so, and its fingerprint is another.
        interval: fields of their interval rule to change, such as ``{"permutations": 1000}``.
        random_weights: seed of random weights for all networks, where their files are not at hand: what comes out tries
            speed and plumbing, is named so, and is never ranked.
        precision: what networks compute in, where not in what their protocols say; the names then say so.
        device: where they run: ``cpu``, ``cuda`` or ``cuda:N``; a GPU if there is one.
        cache: folder of features, which are computed once for each video; False keeps none. The user's own cache
            unless told.
        batch_size: clips a network sees at once; changes scores by rounding at most.
        workers: files decoded ahead; does not change scores.
        strict: fail at the first file that cannot be used, instead of naming and counting it.
        advance: called after each step, a file or a protocol, with the number of steps done and in all.

    Returns:
        One record a protocol, in the order asked for; with ``versus`` as many of the others, then the differences. One
        that could not be computed has a status and a reason, such as weights that are missing. Of several processes
        under ``torchrun`` the first has the records, the others none.

    Raises:
        UsageError: for unknown protocols, paths without videos, captions that do not fit.
        VidgaugeError: for weights that all protocols miss; with ``strict``, for a file that cannot be used.
    """
    chosen = [protocol.with_clips(**(clips or {})) for protocol in select(list(protocols))]
    chosen = [protocol.with_precision(precision).with_interval(**(interval or {})) for protocol in chosen]
    if random_weights is not None:
        chosen = [protocol.with_random_weights(random_weights) for protocol in chosen]
    real_videos, rivals = VideoSet.open(real, strict), [(VideoSet.open(generated, strict), captions)]
    if versus is not None:
        rivals.append((VideoSet.open(versus, strict), versus_captions))
    real_shown = real_videos.captions_from(real_captions, workers)
    place, environment, run = device_here(device), Environment.capture(), secrets.token_hex(8)
    how: dict[str, Any] = {"workers": workers, "strict": strict, "batch_size": batch_size, "advance": advance}
    records, found = [], []
    with opened(cache) as features, ranks_here(place) as ranks:
        if ranks.world > 1 and cache is False:
            raise UsageError("several processes meet in the cache; give --cache a folder that all of them see")
        for videos, path in rivals:
            sets: dict[Side, VideoSet] = {"real": real_videos, "generated": videos}
            shown: dict[Side, Any] = {"real": real_shown, "generated": videos.captions_from(path, workers)}
            found.append(outcomes_of(chosen, sets, shown, features, ranks, place, **how))
            if ranks.first:
                records.append(_records(chosen, sets, found[-1], workers, features, environment=environment, run=run))
        if versus is not None and ranks.first:
            both = [(protocol, found[0][protocol.name], found[1][protocol.name]) for protocol in chosen]
            records.append(list(differences(both, records[0][0], records[1][0])))
    return [record for some in records for record in some]


def _records(
    chosen: Sequence[Protocol],
    sets: Mapping[Side, VideoSet],
    outcomes: Mapping[str, Outcome],
    workers: int,
    features: FeatureCache,
    *,
    environment: Environment,
    run: str,
) -> list[Record]:
    # Both sets are named on every record, also where a measure looks at one: they are the case that was scored.
    config = {side: videos.paths for side, videos in sets.items()}
    subject = Subject(kind="videos", name=sets["generated"].name, config=config)
    comparing = [protocol.name for protocol in chosen if protocol.any_rule.compares]
    # Of videos that are not here, nobody knows how they are coded.
    here = not any(videos.references for videos in sets.values())
    look = here and any(outcomes[name].sides for name in comparing)
    evidence = [one for outcome in outcomes.values() for one in outcome.sides.values()]
    known = {where: video for one in evidence for where, video in one.about.items()}
    unlike = unlikeness(sets["real"].entries, sets["generated"].entries, known, workers, features) if look else []
    notes = [note for videos in sets.values() for note in videos.notes]
    return [
        _record(
            subject,
            protocol,
            outcomes[protocol.name],
            [*notes, *(unlike if protocol.name in comparing else [])],
            environment=environment,
            run=run,
        )
        for protocol in chosen
    ]


def outcomes_of(
    chosen: Sequence[Protocol],
    sets: Mapping[Side, VideoSet],
    caption_of: Mapping[Side, dict[str, str] | None],
    features: FeatureCache,
    ranks: Ranks,
    device: str,
    *,
    batch_size: int,
    advance: Callable[[int, int], None],
    most_unseen: int | None = None,
    **how: Any,  # noqa: ANN401 - workers and strict, for whoever decodes
) -> dict[str, Outcome]:
    """What each protocol says, by name, or why it says nothing.

    Raises:
        VidgaugeError: for weights that all protocols miss; where more than ``most_unseen`` videos have no features yet.
    """
    outcomes = {protocol.name: outcome for protocol in chosen if (outcome := _about_others(protocol, sets["real"]))}
    fitting = [protocol for protocol in chosen if protocol.name not in outcomes]
    built: dict[NetworkUse, nn.Module] = {}
    uses = {NetworkUse.of(protocol) for protocol in fitting if protocol.network}
    extractors = {use: Extractor(use, built, device) for use in uses}
    studies: list[Sets | Pairs] = [
        Sets(fitting, sets, extractors, caption_of, batch_size, features, ranks),
        Pairs(fitting, sets, extractors, ranks),
    ]
    total, done = sum(study.steps for study in studies), itertools.count(1)

    def step() -> None:
        advance(next(done), total)

    for study in studies:
        study.survey(step)
    unseen = sum(study.unseen() for study in studies)
    if most_unseen is not None and unseen > most_unseen:
        raise VidgaugeError(f"features of {unseen} videos are not in the cache {features.folder}")
    with ranks.together():  # once for all, and before the first file is decoded
        missing = load({use: one for study in studies for use, one in study.needed().items()}.values())
        if missing and len(missing) == len(uses) and all(protocol.network for protocol in fitting):
            raise VidgaugeError(next(iter(missing.values())))
    for study in studies:
        study.without(missing)
        outcomes |= study.outcomes(advance=step, **how)
    return outcomes


def _about_others(protocol: Protocol, real: VideoSet) -> Outcome | None:
    """That a protocol is about other real videos than these, where it is."""
    task = protocol.task
    if task is None or real.name == task.data:
        return None
    name, _, split = task.data.partition("/")
    reason = f"it is about {task.data}, and the real videos are {real.name}; give --real {name}@ROOT:{split}"
    return Outcome({"status": "skipped", "reason": reason})


def _record(
    subject: Subject,
    protocol: Protocol,
    outcome: Outcome,
    notes: Sequence[str],
    *,
    environment: Environment,
    run: str,
) -> Record:
    sides = outcome.sides
    failed = [asdict(item) | {"set": side} for side, evidence in sides.items() for item in evidence.failed]
    videos: dict[str, int] = {side: len(set(evidence.sources)) for side, evidence in sides.items()}
    said = [protocol.standing, *protocol.shortfalls(videos), *outcome.notes, *notes]
    details: dict[str, Any] = {f"n_{side}": len(evidence) for side, evidence in sides.items()}
    details |= {f"videos_{side}": count for side, count in videos.items()}
    details |= {f"cached_{side}": evidence.cached for side, evidence in sides.items()}
    details |= {"failed": failed, "notes": list(dict.fromkeys(said)), "world": protocol.world}
    return Record(
        subject=subject,
        measure=protocol.any_rule.measure,
        protocol=protocol.ref,
        environment=environment.fingerprint,
        code=environment.code,
        run=run,
        n=len(sides["generated"]) if sides else 0,
        n_failed=len(failed),
        details=details | dict(outcome.details) | {"protocol": protocol.model_dump(mode="json")},
        **outcome.fields,
    )
