"""From evidence to outcome: what a protocol says of one or two sets that a network has seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from vidgauge.errors import UsageError
from vidgauge.metrics.confidence import of_pairs, of_sets
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.extractor import Extractor
from vidgauge.metrics.paired.evidence import PairedEvidence
from vidgauge.metrics.protocols import Protocol
from vidgauge.metrics.video_set import Side


@dataclass(frozen=True)
class Outcome:
    """What a protocol says, and what it rests on."""

    fields: dict[str, Any]
    """Of its record: a value and its interval, or a status and a reason."""
    notes: list[str] = field(default_factory=list)
    sides: Mapping[Side, Evidence] = field(default_factory=dict)
    """Nothing where nothing was looked at."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Of its record, beside the value."""


def measure(protocol: Protocol, sides: Mapping[Side, Evidence], extractor: Extractor) -> Outcome:
    """What a protocol about sets says of them, real first.

    Raises:
        UsageError: for a protocol that reads what its network does not give.
    """
    rule, sets = protocol.rule, list(sides.values())
    if without := _without_value(protocol, sides):
        return Outcome(without, sides=sides)
    if rule.needs_captions:
        sets = [_with_texts(evidence, protocol.prefix, extractor) for evidence in sets]
    try:
        value, confidence = of_sets(rule, protocol.interval, sets)
        notes = [*rule.notes(*sets), *confidence.notes, *(note for evidence in sets for note in evidence.notes)]
        shown = dict(zip(sides, sets, strict=True))
        return Outcome({"value": value} | confidence.interval.fields, notes, shown, confidence.details)
    except UsageError as error:  # what a network makes of odd videos is odd; other protocols may have a value
        return Outcome({"status": "failed", "reason": str(error)}, sides=sides)


def measure_in_pairs(protocol: Protocol, pairs: PairedEvidence) -> Outcome:
    """What a protocol about pairs says; the two videos of a pair are drawn together for the interval."""
    rule = protocol.paired_rule
    try:
        value, confidence = of_pairs(rule.statistic(pairs), protocol.interval, pairs)
        notes = [*rule.notes(pairs), *pairs.notes]
        return Outcome({"value": value} | confidence.interval.fields, notes, pairs.sides, confidence.details)
    except UsageError as error:
        return Outcome({"status": "failed", "reason": str(error)}, pairs.notes, pairs.sides)


def _without_value(protocol: Protocol, sides: Mapping[Side, Evidence]) -> dict[str, Any]:
    """Why there can be no value, as fields of the record; nothing where there can be one."""
    rule = protocol.rule
    silent = [side for side, evidence in sides.items() if evidence.captions is None]
    if rule.needs_captions and silent:
        options = [{"real": "--real-captions", "generated": "--captions"}[side] for side in silent]
        whose = " and ".join(silent)
        reason = f"it needs captions of the {whose} videos; give a file of them with {' and '.join(options)}"
        return {"status": "skipped", "reason": reason}
    if refusal := next((evidence.refusal for evidence in sides.values() if evidence.refusal), ""):
        return {"status": "failed", "reason": refusal}
    fewest = min(len(evidence) for evidence in sides.values())
    if fewest < rule.fewest:
        reason = f"{rule.measure.name} needs at least {rule.fewest} clips in each set; a set has {fewest}"
        return {"status": "failed", "reason": reason}
    outputs = sides["generated"].outputs
    if rule.output not in outputs:
        raise UsageError(
            f"protocol {protocol.name}: network {protocol.network!r} gives {', '.join(outputs)}, not {rule.output!r}"
        )
    return {}


def _with_texts(evidence: Evidence, prefix: str, extractor: Extractor) -> Evidence:
    """The evidence with the embedding of each clip's caption beside that of its frames."""
    assert evidence.captions, "asked for, and there are clips"
    texts_nd, notes = extractor.embed_captions([prefix + caption for caption in evidence.captions])
    return replace(evidence, outputs={**evidence.outputs, "texts_nd": texts_nd}, notes=[*evidence.notes, *notes])
