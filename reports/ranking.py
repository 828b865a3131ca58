"""Which records may be ranked against each other, and which of them is best."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from vidgauge.record import Record, Subject

Rank = Literal["best", "tied", ""]
PUBLISHED = "published"
"""Kind of the subjects, and environment, of records that state what a paper says."""


class Standing(NamedTuple):
    """How a record stands among those that it may be ranked against."""

    rank: Rank
    """Best, tied (its interval overlaps the best one's), or nothing."""
    place: int
    """1 for the best value, 2 for the next; equal values share one. 0 where nothing is ranked."""


_CASE_KEYS = ("suite", "case", "batch", "shape", "dtype", "device", "direction", "threads")
"""What a benchmark case asks of every layer; the rest (layout, backend, heads) is the layer's own answer to it."""

_OWN_KEYS = frozenset({"generated"})
"""What tells contestants apart outside of benchmark cases. Any key that is not listed here keeps them apart."""


def canonical(data: Any) -> str:  # noqa: ANN401 - whatever a subject's configuration holds
    """Equal text for equal data, whatever the order of its keys."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False, default=str)


def task(subject: Subject) -> str:
    """What the subject was asked to do, as text: the case of a suite, or the real videos and the clip rule."""
    config = subject.config
    if is_case(subject):
        return canonical([subject.kind, {key: config.get(key) for key in _CASE_KEYS}])
    return canonical([subject.kind, {key: value for key, value in config.items() if key not in _OWN_KEYS}])


def is_case(subject: Subject) -> bool:
    """Whether a benchmark suite measured it: everything about it then depends on the machine."""
    return "case" in subject.config


def is_published(subject: Subject) -> bool:
    """Whether a paper says it: nobody here measured it, and its protocol is what the paper tells of one."""
    return subject.kind == PUBLISHED


def contest(record: Record) -> tuple[str, ...]:
    """All that must be equal for two records to be ranked against each other.

    Protocol and task always; the environment as well for time, memory, rates and whatever a benchmark case measures.
    """
    unit = record.measure.unit
    depends_on_machine = unit in ("s", "B") or unit.endswith("/s") or is_case(record.subject)
    return (
        record.measure.name,
        unit,
        record.protocol.name,
        record.protocol.fingerprint,
        task(record.subject),
        record.environment if depends_on_machine else "",
    )


def standings(records: Sequence[Record]) -> list[Standing]:
    """How each record stands in its contest.

    Nothing is ranked alone, where no way is better, or where all values are equal; no published number is ranked.
    """
    contests: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, record in enumerate(records):
        if record.value is not None and _may_be_ranked(record):
            contests[contest(record)].append(index)
    found = [Standing("", 0)] * len(records)
    for rivals in contests.values():
        values = sorted({records[index].value or 0.0 for index in rivals})
        if len(values) > 1:
            order = values if records[rivals[0]].measure.better == "lower" else values[::-1]
            places = {value: place for place, value in enumerate(order, 1)}
            best = next(records[index] for index in rivals if records[index].value == order[0])
            for index in rivals:
                found[index] = Standing(_stands(records[index], best), places[records[index].value or 0.0])
    return found


def _may_be_ranked(record: Record) -> bool:
    """Not where no way is better, where a network of random weights judged, where its maker says no, or of papers.

    A paper tells of its protocol in words, which nobody can hold against another's.
    """
    random_weights = record.details.get("protocol", {}).get("random_weights")
    may = random_weights is None and record.details.get("ranks") is not False
    return may and record.measure.better != "neither" and not is_published(record.subject)


def _stands(rival: Record, best: Record) -> Rank:
    if rival.value == best.value:
        return "best"
    low, high = _span(rival)
    best_low, best_high = _span(best)
    return "tied" if low <= best_high and best_low <= high else ""


def _span(record: Record) -> tuple[float, float]:
    """The interval; of a record that has none, the value alone."""
    assert record.value is not None, "only records with a value are ranked"
    if record.low is None or record.high is None:
        return record.value, record.value
    return record.low, record.high
