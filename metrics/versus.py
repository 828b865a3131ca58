"""Two generated sets against the same real one: by how much they differ, and whether by more than chance."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from vidgauge.errors import UsageError
from vidgauge.fingerprint import fingerprint
from vidgauge.metrics.arrays import Array
from vidgauge.metrics.confidence import clusters, pooled, takes_halves
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.measures import VideoMeasure
from vidgauge.metrics.outcome import Outcome
from vidgauge.metrics.protocols import IntervalRule, Protocol
from vidgauge.metrics.statistic import Smooth
from vidgauge.metrics.trials import MeasureInTrials
from vidgauge.metrics.uncertainty.clusters import Names, Part, in_parts
from vidgauge.metrics.uncertainty.paired import Difference, difference, halves, of_difference
from vidgauge.metrics.uncertainty.permutation import permutation_test
from vidgauge.record import Measure, ProtocolRef, Record, Subject


def differences(
    protocols: Sequence[tuple[Protocol, Outcome, Outcome]], first: Record, second: Record
) -> Iterator[Record]:
    """A record of the first set's value less the second's, for each protocol about sets that has both.

    Videos of one name in both sets, such as answers to one prompt, are drawn together, and the real videos are the same
    on both sides: much of the chance in the two values is common to them, and none of that is in their difference.

    Args:
        protocols: with what they say of the first and of the second set.
        first: a record of the first set, whose run and environment are those of the differences.
        second: one of the second.
    """
    names = [record.subject.name for record in (first, second)]
    config = {"real": first.subject.config["real"]}
    config |= {"generated": first.subject.config["generated"], "versus": second.subject.config["generated"]}
    for protocol, *outcomes in protocols:
        if protocol.any_rule.paired or any("value" not in outcome.fields for outcome in outcomes):
            continue
        measure = protocol.any_rule.measure
        yield Record(
            subject=Subject(kind="videos", name=" - ".join(names), config=config),
            measure=Measure(name=f"{measure.name}-difference", unit=measure.unit, better="neither"),
            protocol=ProtocolRef(
                name=f"{protocol.name}.difference", fingerprint=fingerprint([protocol.ref.fingerprint, "difference"])
            ),
            environment=first.environment,
            code=first.code,
            run=first.run,
            **_result(protocol, outcomes),
        )


def difference_of(protocol: Protocol, first: Outcome, second: Outcome) -> Difference:
    """What a protocol about sets says of the first less what it says of the second, against the same real videos.

    Raises:
        UsageError: where the measure does not say what each video contributes.
    """
    reference, rivals = _apart([first, second])
    value = first.fields["value"] - second.fields["value"]
    return _difference(protocol.rule, protocol.interval, reference, rivals, value)


def _apart(outcomes: Sequence[Outcome]) -> tuple[list[Evidence], list[Evidence]]:
    """The real videos, if the measure takes them, and the generated ones of each."""
    sets = [list(outcome.sides.values()) for outcome in outcomes]
    return sets[0][:-1], [of_one[-1] for of_one in sets]


def _result(protocol: Protocol, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    reference, rivals = _apart(outcomes)
    values = [outcome.fields["value"] for outcome in outcomes]
    rule, how = protocol.rule, protocol.interval
    details: dict[str, Any] = {"values": values, "protocol": protocol.model_dump(mode="json"), "world": protocol.world}
    notes = [protocol.standing]
    try:
        found = difference_of(protocol, *outcomes)
    except UsageError as error:
        return {"status": "failed", "reason": str(error)}
    ends = found.interval
    if found.p is not None:
        details |= {"p": found.p, "interval": {"standard_error": ends.standard_error, "covers": ends.covers}}
        notes.append(f"p = {found.p:.3g} that the two differ by as much where they are alike")
    if how.permutations:
        test = _swapped(rule, how, reference, rivals)
        details["permutation"] = test
        notes.append(f"p = {test['p']:.3g} by {test['labellings']} labellings, where pairs swap sides")
    common = {"value": found.value, "n": min(map(len, rivals)), "details": details | {"notes": notes}}
    return common | ends.fields


def _difference(
    rule: VideoMeasure, how: IntervalRule, reference: Sequence[Evidence], rivals: Sequence[Evidence], value: float
) -> Difference:
    groups = _groups(how, reference, rivals)
    everything = tuple(np.arange(len(names)) for names in groups)
    halved = (
        in_parts(lambda part: _influences(rule, reference, rivals, part), halves(groups, how.seed, paired=True))
        if takes_halves(rule, [*reference, *rivals])
        else ()
    )
    return difference(
        value,
        _influences(rule, reference, rivals, everything),
        groups,
        paired=True,
        level=how.level,
        minimum=how.minimum,
        halved=halved,
    )


def _groups(how: IntervalRule, reference: Sequence[Evidence], rivals: Sequence[Evidence]) -> list[Names]:
    """Of the real videos and both rivals: one name is one draw in both, so it is the name within the set."""
    named = [clusters(one, how) if how.draw == "prompt" else one.names for one in rivals]
    # A measure of one set has no reference: as many as are needed, which contribute nothing.
    real = clusters(reference[0], how) if reference else [str(number) for number in range(how.minimum)]
    return [real, *named]


def _influences(
    rule: VideoMeasure, reference: Sequence[Evidence], rivals: Sequence[Evidence], part: Part
) -> tuple[Array, ...]:
    """On the difference, of the clips in a part of the real videos and of either rival."""
    real = [one.part(part[0]) for one in reference]
    both = []
    for rival, clips in zip(rivals, part[1:], strict=True):
        statistic = rule.statistic(*real, rival.part(clips))
        if not isinstance(statistic, Smooth):
            raise UsageError(f"{rule.measure.name} does not say what each video contributes; differences need that")
        both.append(statistic.influences())
    if not reference:
        both = [(np.zeros(len(part[0])), *of_one) for of_one in both]
    return of_difference(*both)


def _swapped(
    rule: VideoMeasure, how: IntervalRule, reference: Sequence[Evidence], rivals: Sequence[Evidence]
) -> dict[str, Any]:
    """How large the difference is among those where answers of one name swap sides."""
    groups = _groups(how, reference, rivals)
    both = pooled(rivals, groups[1:], list(rivals[0].outputs))
    whole = rule.in_one_trial if isinstance(rule, MeasureInTrials) else rule
    statistic, once = whole.statistic(*reference, both), [np.ones(len(one)) for one in reference]
    return asdict(
        permutation_test(
            lambda a, b: abs(statistic(*once, a) - statistic(*once, b)),
            groups[1:],
            replicates=how.permutations,
            seed=how.seed,
            paired=True,
        )
    )
