"""Scoring: two sets of videos and some protocols in, one record a protocol out."""

import itertools
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from vidgauge.datasets.captions import caption_videos, read_captions
from vidgauge.datasets.clips import ClipRule
from vidgauge.datasets.comparison import differences_at_a_glance
from vidgauge.datasets.decoding_jobs import describe
from vidgauge.datasets.folder import Entry, list_videos
from vidgauge.datasets.isolation import examine
from vidgauge.datasets.opening import find_data_set
from vidgauge.environment import Environment
from vidgauge.errors import UsageError
from vidgauge.metrics.bootstrap import bootstrap
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.extraction import Extractor, NetworkUse, extract
from vidgauge.metrics.protocols import Protocol, select
from vidgauge.record import Record, Subject

Paths = Path | str | Sequence[Path | str]

_WORLD_NOTE = "judged by a network trained on Moving Shapes: honest inside that world, says nothing outside it"


@dataclass(frozen=True)
class VideoSet:
    """One side of a comparison: where it lies, and its files."""

    paths: list[str]
    names: list[str]
    entries: list[Entry]
    notes: list[str]

    @classmethod
    def open(cls, given: Paths, strict: bool = False) -> "VideoSet":
        """List the videos under one path or data set, or several; ``strict`` takes no data set that is not whole."""
        whole = cls([], [], [], [])
        for path in [given] if isinstance(given, Path | str) else given:
            whole.paths.append(str(path))
            data = find_data_set(path)
            if data is None:
                whole.names.append(Path(path).resolve().name)
                whole.entries.extend(list_videos(path))
                continue
            if strict:
                data.require_whole()
            whole.names.append(data.name)
            whole.entries.extend(data.entries)
            whole.notes.extend(f"{data.name}: {note}" for note in data.notes)
        return whole

    @property
    def name(self) -> str:
        """What reports call it: the names of its paths and data sets."""
        return " + ".join(self.names)


def score(
    real: Paths,
    generated: Paths,
    protocols: Sequence[str] = ("*.shapes",),
    *,
    captions: Path | str | None = None,
    clips: Mapping[str, str | float | None] | None = None,
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
        clips: fields of the protocols' clip rule to change, such as ``{"offset": "all"}``; the name of each protocol
            then says so, and its fingerprint is another.
        batch_size: clips a network sees at once; changes scores by rounding at most.
        workers: files decoded ahead; does not change scores.
        strict: fail at the first file that cannot be used, instead of naming and counting it.
        advance: called after each file with the number of files done and in all.

    Returns:
        One record a protocol, in the order asked for. One that could not be computed has a status and a reason.

    Raises:
        UsageError: for unknown protocols, paths without videos, captions that do not fit.
        VidgaugeError: for missing weights; with ``strict``, for a file that cannot be used.
    """
    chosen = [protocol.with_clips(**(clips or {})) for protocol in select(list(protocols))]
    real_set, generated_set = VideoSet.open(real, strict), VideoSet.open(generated, strict)
    caption_of = None if captions is None else _captions(generated_set.entries, Path(captions), workers)
    passes = _passes(chosen)
    total = sum(
        len(real_set.entries) * bool(comparing) + len(generated_set.entries) for _, comparing in passes.values()
    )
    done = itertools.count(1)
    run_pass = partial(
        extract, batch_size=batch_size, workers=workers, strict=strict, advance=lambda: advance(next(done), total)
    )
    # Both sets are named on every record, also where a measure looks at one: they are the case that was scored.
    config = {"real": real_set.paths, "generated": generated_set.paths}
    subject = Subject(kind="videos", name=generated_set.name, config=config)
    environment, run = Environment.capture(), secrets.token_hex(8)

    # Built, and their weights verified, once for all passes, and before the first file is decoded.
    extractors = {use: Extractor(use) for uses, _ in passes.values() for use in uses}
    comparing_any = any(protocol.rule.compares for protocol in chosen)
    unlike = _unlike(real_set.entries, generated_set.entries, workers) if comparing_any else []
    records: dict[str, Record] = {}
    for clip_rule, (uses, comparing) in passes.items():
        of_real = run_pass(real_set.entries, clip_rule, [extractors[use] for use in comparing]) if comparing else {}
        of_generated = run_pass(
            generated_set.entries, clip_rule, [extractors[use] for use in uses], captions=caption_of
        )
        for protocol in (protocol for protocol in chosen if protocol.clip == clip_rule):
            use = NetworkUse.of(protocol)
            sides = {"real": of_real[use]} if protocol.rule.compares else {}
            sides["generated"] = of_generated[use]
            outcome = _measure(protocol, list(sides.values()), extractors[use])
            apart = unlike if protocol.rule.compares else []
            outcome["notes"] = [*outcome.get("notes", []), *real_set.notes, *generated_set.notes, *apart]
            records[protocol.name] = _record(subject, protocol, sides, outcome, environment=environment, run=run)
    return [records[protocol.name] for protocol in chosen]


def _unlike(real: Sequence[Entry], generated: Sequence[Entry], workers: int) -> list[str]:
    """What sets the generated videos apart from the real ones besides their content."""
    return [
        f"real and generated videos differ in {difference}; a distance reacts to that as it does to content"
        for difference in differences_at_a_glance(real, generated, workers)
    ]


def _captions(entries: list[Entry], path: Path, workers: int) -> dict[str, str]:
    """Each video's caption, before any of them is decoded; one that cannot be opened anyway needs none."""
    captions = read_captions(path)
    try:
        return caption_videos(entries, captions)
    except UsageError:
        described = examine([entry.path for entry in entries], describe, workers)
        opened = [entry for entry, (_, error) in zip(entries, described, strict=True) if error is None]
        return caption_videos(opened, captions)


def _passes(protocols: Sequence[Protocol]) -> dict[ClipRule, tuple[list[NetworkUse], list[NetworkUse]]]:
    """For each clip rule, the networks that must see the generated videos, and those that must see the real ones."""
    passes: dict[ClipRule, tuple[list[NetworkUse], list[NetworkUse]]] = {}
    for protocol in protocols:
        uses, comparing = passes.setdefault(protocol.clip, ([], []))
        use = NetworkUse.of(protocol)
        if use not in uses:
            uses.append(use)
        if protocol.rule.compares and use not in comparing:
            comparing.append(use)
    return passes


def _measure(protocol: Protocol, sets: list[Evidence], extractor: Extractor) -> dict[str, Any]:
    """The fields of a record that say what came out: a value and its interval, or a status and a reason."""
    rule = protocol.rule
    if rule.needs_captions:
        if sets[-1].captions is None:
            return {"status": "skipped", "reason": "it needs captions; give a file of them with --captions"}
        sets = [*sets[:-1], _with_texts(sets[-1], extractor)]
    fewest = min(len(evidence) for evidence in sets)
    if fewest < rule.fewest:
        reason = f"{rule.measure.name} needs at least {rule.fewest} clips in each set; a set has {fewest}"
        return {"status": "failed", "reason": reason}
    statistic = rule.statistic(*sets)
    value = statistic()
    interval_rule = protocol.interval
    interval = bootstrap(
        statistic,
        value,
        [evidence.sources for evidence in sets],
        replicates=interval_rule.replicates,
        level=interval_rule.level,
        minimum=interval_rule.minimum,
        seed=interval_rule.seed,
    )
    return {
        "value": value,
        "low": interval.low,
        "high": interval.high,
        "level": interval.level,
        "no_interval": interval.reason,
        "notes": [*rule.notes(*sets), *(note for evidence in sets for note in evidence.notes)],
    }


def _with_texts(evidence: Evidence, extractor: Extractor) -> Evidence:
    """The evidence with the embedding of each clip's caption beside that of its frames."""
    if not evidence.captions:
        return evidence
    texts_nd, notes = extractor.embed_captions(evidence.captions)
    return replace(evidence, outputs=evidence.outputs | {"texts_nd": texts_nd}, notes=[*evidence.notes, *notes])


def _record(
    subject: Subject,
    protocol: Protocol,
    sides: dict[str, Evidence],
    outcome: dict[str, Any],
    *,
    environment: Environment,
    run: str,
) -> Record:
    failed = [asdict(item) | {"set": side} for side, evidence in sides.items() for item in evidence.failed]
    standing = _WORLD_NOTE if protocol.world == "embedded" else protocol.standing
    notes = list(dict.fromkeys([standing, *outcome.pop("notes", [])]))
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
        n=len(sides["generated"]),
        n_failed=len(failed),
        details=details,
        **outcome,
    )
