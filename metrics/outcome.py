"""From evidence to outcome: what a protocol says of one or two sets that a network has seen."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from vidgauge.errors import UsageError
from vidgauge.metrics.bootstrap import bootstrap
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.extraction import Extractor
from vidgauge.metrics.protocols import Protocol
from vidgauge.metrics.video_set import Side


def measure(protocol: Protocol, sides: Mapping[Side, Evidence], extractor: Extractor) -> dict[str, Any]:
    """The fields of a record that say what came out: a value and its interval, or a status and a reason.

    Raises:
        UsageError: for a protocol that reads what its network does not give.
    """
    rule, sets = protocol.rule, list(sides.values())
    silent = [side for side, evidence in sides.items() if evidence.captions is None]
    if rule.needs_captions and silent:
        options = [{"real": "--real-captions", "generated": "--captions"}[side] for side in silent]
        whose = " and ".join(silent)
        reason = f"it needs captions of the {whose} videos; give a file of them with {' and '.join(options)}"
        return {"status": "skipped", "reason": reason}
    for evidence in sets:
        if evidence.refusal:
            return {"status": "failed", "reason": evidence.refusal}
    fewest = min(len(evidence) for evidence in sets)
    if fewest < rule.fewest:
        reason = f"{rule.measure.name} needs at least {rule.fewest} clips in each set; a set has {fewest}"
        return {"status": "failed", "reason": reason}
    if rule.output not in sets[-1].outputs:
        gives = ", ".join(sets[-1].outputs)
        raise UsageError(f"protocol {protocol.name}: network {protocol.network!r} gives {gives}, not {rule.output!r}")
    if rule.needs_captions:
        sets = [_with_texts(evidence, protocol.prefix, extractor) for evidence in sets]
    try:
        return _value(protocol, sets)
    except UsageError as error:  # what a network makes of odd videos is odd; other protocols may have a value
        return {"status": "failed", "reason": str(error)}


def _value(protocol: Protocol, sets: Sequence[Evidence]) -> dict[str, Any]:
    rule, interval_rule = protocol.rule, protocol.interval
    statistic = rule.statistic(*sets)
    value = statistic()
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


def _with_texts(evidence: Evidence, prefix: str, extractor: Extractor) -> Evidence:
    """The evidence with the embedding of each clip's caption beside that of its frames."""
    assert evidence.captions, "asked for, and there are clips"
    texts_nd, notes = extractor.embed_captions([prefix + caption for caption in evidence.captions])
    return replace(evidence, outputs=evidence.outputs | {"texts_nd": texts_nd}, notes=[*evidence.notes, *notes])
