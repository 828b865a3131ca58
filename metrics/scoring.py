"""Scoring: two sets of videos and some protocols in, one record a protocol out."""

import itertools
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from vidgauge.datasets.comparison import differences_at_a_glance
from vidgauge.environment import Environment
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.extraction import NetworkUse, build_extractors, extract
from vidgauge.metrics.looks import Look, looks_of
from vidgauge.metrics.outcome import measure
from vidgauge.metrics.protocols import Protocol, select
from vidgauge.metrics.video_set import Paths, Side, VideoSet
from vidgauge.record import Record, Subject

T = TypeVar("T")

EMBEDDED = ("clipsim.shapes", "frame-consistency.shapes", "fvd.shapes", "is.shapes", "kvd.shapes")
"""Protocols that need no file but the package's own."""


def score(
    real: Paths,
    generated: Paths,
    protocols: Sequence[str] = EMBEDDED,
    *,
    captions: Path | str | None = None,
    real_captions: Path | str | None = None,
    clips: Mapping[str, str | float | None] | None = None,
    random_weights: int | None = None,
    batch_size: int = 16,
    workers: int = 2,
    strict: bool = False,
    advance: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005 - silent unless asked
) -> list[Record]:
    """Score generated videos against real ones, decoding each file once for all protocols with equal clip rules.

    Args:
        real: path or paths of files or folders of real videos, or a data set as NAME@ROOT or NAME@ROOT:SPLIT.
        generated: the same for the videos under test.
        protocols: names or shell patterns of protocols.
        captions: file that gives each generated video its caption; protocols that need captions are skipped without it.
        real_captions: the same for the real videos, which few protocols need; a data set's own otherwise.
        clips: fields of the protocols' clip rule to change, such as ``{"offset": "all"}``; the name of each protocol
            then says so, and its fingerprint is another.
        random_weights: seed of random weights for all networks, where their files are not at hand: what comes out tries
            speed and plumbing, is named so, and is never ranked.
        batch_size: clips a network sees at once; changes scores by rounding at most.
        workers: files decoded ahead; does not change scores.
        strict: fail at the first file that cannot be used, instead of naming and counting it.
        advance: called after each file with the number of files done and in all.

    Returns:
        One record a protocol, in the order asked for. One that could not be computed has a status and a reason, such as
        weights that are missing.

    Raises:
        UsageError: for unknown protocols, paths without videos, captions that do not fit.
        VidgaugeError: for weights that all protocols miss; with ``strict``, for a file that cannot be used.
    """
    chosen = [protocol.with_clips(**(clips or {})) for protocol in select(list(protocols))]
    if random_weights is not None:
        chosen = [protocol.with_random_weights(random_weights) for protocol in chosen]
    sets: dict[Side, VideoSet] = {side: VideoSet.open(given, strict) for side, given in _sides(real, generated)}
    caption_of = {side: sets[side].captions_from(path, workers) for side, path in _sides(real_captions, captions)}
    # Both sets are named on every record, also where a measure looks at one: they are the case that was scored.
    config = {side: videos.paths for side, videos in sets.items()}
    subject = Subject(kind="videos", name=sets["generated"].name, config=config)
    report = partial(_record, subject, environment=Environment.capture(), run=secrets.token_hex(8))

    elsewhere = {protocol.name: _about_others(protocol, sets["real"]) for protocol in chosen}
    # Built, and their weights verified, once for all, and before the first file is decoded.
    extractors, unusable = build_extractors(
        NetworkUse.of(protocol) for protocol in chosen if not elsewhere[protocol.name]
    )
    hindered = {protocol.name: elsewhere[protocol.name] or unusable.get(NetworkUse.of(protocol)) for protocol in chosen}
    fitting = [protocol for protocol in chosen if not hindered[protocol.name]]
    uses = _uses(fitting)
    unlike = _unlike(sets, workers) if any(protocol.rule.compares for protocol in fitting) else []
    entries = {look: look.draw(sets[look.side].entries) for look in uses}
    total, done = sum(map(len, entries.values())), itertools.count(1)
    evidence = {
        look: extract(
            entries[look],
            look.clip,
            [extractors[use] for use in of_look],
            captions=caption_of[look.side],
            batch_size=batch_size,
            workers=workers,
            strict=strict,
            advance=lambda: advance(next(done), total),
        )
        for look, of_look in uses.items()
    }
    notes = [note for videos in sets.values() for note in videos.notes]
    records = []
    for protocol in chosen:
        if reason := hindered[protocol.name]:
            status = "skipped" if elsewhere[protocol.name] else "failed"
            records.append(report(protocol, {}, {"status": status, "reason": reason}))
            continue
        use = NetworkUse.of(protocol)
        seen = {side: evidence[look][use] for side, look in looks_of(protocol).items()}
        outcome = measure(protocol, seen, extractors[use])
        outcome["notes"] = [*outcome.get("notes", []), *notes, *(unlike if protocol.rule.compares else [])]
        records.append(report(protocol, seen, outcome))
    return records


def _sides(real: T, generated: T) -> list[tuple[Side, T]]:
    return [("real", real), ("generated", generated)]


def _uses(protocols: Sequence[Protocol]) -> dict[Look, list[NetworkUse]]:
    """The networks behind each decoding, each once."""
    uses: dict[Look, dict[NetworkUse, None]] = {}
    for protocol in protocols:
        for look in looks_of(protocol).values():
            uses.setdefault(look, {})[NetworkUse.of(protocol)] = None
    return {look: list(of_look) for look, of_look in uses.items()}


def _about_others(protocol: Protocol, real: VideoSet) -> str:
    """Why a protocol says nothing about these real videos; empty where it does."""
    task = protocol.task
    if task is None or real.name == task.data:
        return ""
    name, _, split = task.data.partition("/")
    return f"it is about {task.data}, and the real videos are {real.name}; give --real {name}@ROOT:{split}"


def _unlike(sets: Mapping[Side, VideoSet], workers: int) -> list[str]:
    """What sets the generated videos apart from the real ones besides their content."""
    return [
        f"real and generated videos differ in {difference}; a distance reacts to that as it does to content"
        for difference in differences_at_a_glance(sets["real"].entries, sets["generated"].entries, workers)
    ]


def _too_few(protocol: Protocol, sides: Mapping[Side, Evidence]) -> list[str]:
    """What a reader must know where a published number rests on more videos."""
    wanted = protocol.samples.model_dump(include={"real", "generated"}, exclude_none=True)
    return [
        f"{videos} {side} videos instead of {wanted[side]}: not comparable with published numbers"
        for side, evidence in sides.items()
        if side in wanted and (videos := len(set(evidence.sources))) < wanted[side]
    ]


def _record(
    subject: Subject,
    protocol: Protocol,
    sides: Mapping[Side, Evidence],
    outcome: dict[str, Any],
    *,
    environment: Environment,
    run: str,
) -> Record:
    failed = [asdict(item) | {"set": side} for side, evidence in sides.items() for item in evidence.failed]
    notes = list(dict.fromkeys([protocol.standing, *_too_few(protocol, sides), *outcome.pop("notes", [])]))
    details: dict[str, Any] = {f"n_{side}": len(evidence) for side, evidence in sides.items()}
    details |= {f"videos_{side}": len(set(evidence.sources)) for side, evidence in sides.items()}
    details |= {"failed": failed, "notes": notes, "world": protocol.world, "protocol": protocol.model_dump(mode="json")}
    return Record(
        subject=subject,
        measure=protocol.rule.measure,
        protocol=protocol.ref,
        environment=environment.fingerprint,
        code=environment.code,
        run=run,
        n=len(sides["generated"]) if sides else 0,
        n_failed=len(failed),
        details=details,
        **outcome,
    )
