"""How sure a score is: its interval, its value at infinite N, and whether two sets can be told apart at all."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from vidgauge.metrics.arrays import Array
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.means import Mean
from vidgauge.metrics.measures import VideoMeasure
from vidgauge.metrics.paired.evidence import PairedEvidence
from vidgauge.metrics.protocols import IntervalRule
from vidgauge.metrics.statistic import Smooth, Statistic
from vidgauge.metrics.trials import MeasureInTrials, Samples
from vidgauge.metrics.uncertainty.bootstrap import bootstrap
from vidgauge.metrics.uncertainty.clusters import Names, Part, cut, in_parts
from vidgauge.metrics.uncertainty.extrapolation import Extrapolated, extrapolate
from vidgauge.metrics.uncertainty.influence import Influences, interval
from vidgauge.metrics.uncertainty.interval import Interval
from vidgauge.metrics.uncertainty.permutation import permutation_test


@dataclass(frozen=True)
class Confidence:
    """What is known about a value beside the value."""

    interval: Interval
    details: dict[str, Any] = field(default_factory=dict)
    """For the record."""
    notes: list[str] = field(default_factory=list)
    """For its reader."""


def of_sets(rule: VideoMeasure, how: IntervalRule, sets: Sequence[Evidence]) -> tuple[float, Confidence]:
    """The value of a measure of sets, and how sure it is."""
    statistic = rule.statistic(*sets)
    value, groups = statistic(), [clusters(evidence, how) for evidence in sets]
    halves = takes_halves(rule, sets)
    halved = _in_halves(rule, sets, groups, how.seed) if halves and isinstance(statistic, Smooth) else ()
    found = _interval(statistic, value, groups, how, halved=halved, positive=rule.positive)
    details: dict[str, Any] = {"interval": _told(found) | {"draws": how.draw}}
    if isinstance(statistic, Mean):
        details["values"] = statistic.values_by(_shared_names(sets[-1], how))
    notes = []
    if found.method == "influence" and rule.of_pairs and not halves:
        details["interval"]["conservative"] = True
        notes.append(f"interval: conservative below {rule.fewest_in_halves(*sets)} clips a set")
    if rule.extrapolates and isinstance(rule, MeasureInTrials) and rule.trials == 1:
        details["extrapolated"], note = _extrapolated(rule, how, sets)
        notes.append(note)
    if how.permutations and isinstance(rule, MeasureInTrials):
        details["permutation"], note = _permuted(rule, how, sets, groups)
        notes.append(note)
    return value, Confidence(found, details, notes)


def of_pairs(statistic: Statistic, how: IntervalRule, pairs: PairedEvidence) -> tuple[float, Confidence]:
    """The value of a measure of pairs, whose two videos are drawn together, and how sure it is."""
    value = statistic()
    found = _interval(statistic, value, [pairs.sources], how)
    details: dict[str, Any] = {"interval": _told(found) | {"draws": "video"}}
    if isinstance(statistic, Mean):
        details["values"] = statistic.values_by(pairs.sides["generated"].names)
    return value, Confidence(found, details)


def clusters(evidence: Evidence, how: IntervalRule) -> Names:
    """What each clip is drawn with: its video, or its prompt if that is asked for and known."""
    if how.draw == "prompt" and evidence.captions is not None:
        return evidence.captions
    return evidence.sources


def _shared_names(evidence: Evidence, how: IntervalRule) -> Names:
    """What each clip is drawn with, by a name that other sets have as well: that of the video within its set."""
    return clusters(replace(evidence, sources=evidence.names or evidence.sources), how)


def takes_halves(rule: VideoMeasure, sets: Sequence[Evidence]) -> bool:
    """Whether pairs of clips have a say in a measure, and its sets are large enough for halves to tell how much."""
    return rule.of_pairs and min(map(len, sets)) >= rule.fewest_in_halves(*sets)


def pooled(sets: Sequence[Evidence], groups: Sequence[Names], outputs: Sequence[str]) -> Evidence:
    """Some outputs of all clips of two sets, whose clusters are different ones even if they bear one name."""
    rows = {name: np.concatenate([np.asarray(evidence.outputs[name]) for evidence in sets]) for name in outputs}
    return Evidence(rows, [f"{side} {name}" for side, names in enumerate(groups) for name in names])


def _in_halves(rule: VideoMeasure, sets: Sequence[Evidence], groups: Sequence[Names], seed: int) -> tuple[Array, ...]:
    """The influence of each clip of each set on the measure of its own half of the sets."""

    def of_half(part: Part) -> tuple[Array, ...]:
        statistic = rule.statistic(*(evidence.part(clips) for evidence, clips in zip(sets, part, strict=True)))
        assert isinstance(statistic, Smooth), "as it is of all clips"
        return statistic.influences()

    return in_parts(of_half, cut(groups, 2, seed))


def _interval(
    statistic: Statistic,
    value: float,
    groups: Sequence[Names],
    how: IntervalRule,
    *,
    halved: Influences = (),
    positive: bool = False,
) -> Interval:
    if how.method == "bootstrap" or not isinstance(statistic, Smooth):
        return bootstrap(
            statistic, value, groups, replicates=how.replicates, level=how.level, minimum=how.minimum, seed=how.seed
        )
    influences = statistic.influences()
    return interval(value, influences, groups, level=how.level, minimum=how.minimum, halved=halved, positive=positive)


def _told(found: Interval) -> dict[str, Any]:
    """An interval beyond its ends, which the record has."""
    known = {"method": found.method, "standard_error": found.standard_error, "covers": found.covers}
    return {key: value for key, value in known.items() if value}


def _extrapolated(rule: MeasureInTrials, how: IntervalRule, sets: Sequence[Evidence]) -> tuple[dict[str, Any], str]:
    samples = [Samples.of(evidence, rule.output, slice(None)) for evidence in sets]
    groups = [
        [name for name in clusters(evidence, how) for _ in range(of_set.rows)]
        for evidence, of_set in zip(sets, samples, strict=True)
    ]
    found = extrapolate(
        lambda real, generated: rule.distance(Samples(real, [], 1), Samples(generated, [], 1)),
        [of_set.features_nd for of_set in samples],
        groups,
        level=how.level,
        minimum=how.minimum,
        seed=how.seed,
    )
    if found.value is None:
        return {"reason": found.reason, "curve": _curve(found)}, f"not extrapolated to infinite N: {found.reason}"
    ends = found.interval
    said = f" [{ends.low:.5g}, {ends.high:.5g}]" if ends.low is not None else ""
    note = f"extrapolated to infinite N: {found.value:.5g}{said}"
    if ends.low is not None and ends.low <= 0:
        note += "; it cannot be told from 0: --permutations tests whether the sets differ"
    few = min(len(set(names)) for names in groups)
    if few < 4 * samples[0].features_nd.shape[1]:  # docs/uncertainty.md has how often it is right then
        note += (
            f"; {few} videos are fewer than 4 a dimension: it comes out too high, and its interval misses more often"
        )
    details = {"value": found.value, "low": ends.low, "high": ends.high, "level": ends.level} | _told(ends)
    return details | {"curve": _curve(found)}, note


def _curve(found: Extrapolated) -> list[dict[str, Any]]:
    return [
        {
            "n": point.n,
            "parts": point.parts,
            "value": point.value,
            "low": point.interval.low,
            "high": point.interval.high,
        }
        for point in found.curve
    ]


def _permuted(
    rule: MeasureInTrials, how: IntervalRule, sets: Sequence[Evidence], groups: Sequence[Names]
) -> tuple[dict[str, Any], str]:
    both = pooled(sets, groups, [rule.output])
    statistic = rule.in_one_trial.statistic(both, both)
    found = permutation_test(statistic, groups, replicates=how.permutations, seed=how.seed)
    kind = "all" if found.exact else "random"
    note = f"p = {found.p:.3g} by {found.labellings} {kind} labellings, if real and generated videos were alike"
    return asdict(found), note
