"""Which record of one run is which of another: the same subject, measure and protocol fingerprint."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from vidgauge.record import Record
from vidgauge.reports.ranking import canonical, is_case

Pair = tuple[Record, Record]


@dataclass(frozen=True)
class Matching:
    """The latest records of two runs, side by side."""

    pairs: list[Pair]
    """Those that say the same about the same, the earlier run's first."""
    incomparable: list[tuple[Record, Record, str]]
    """Those whose protocols bear one name and are two, with what differs."""
    only_before: list[Record]
    only_after: list[Record]
    renamed: list[tuple[str, str]]
    """Sets of videos that are compared although they are not called alike: there is one in each run."""


def match(before: Sequence[Record], after: Sequence[Record]) -> Matching:
    """Put the records of two runs side by side; of the same thing measured twice in a run, the latest counts.

    A subject is the same where its whole configuration is. Sets of videos are the same as well where they and the real
    ones bear the same names in other folders; and where either run has one set alone, whatever the two are called.
    """
    left, right = _latest(before), _latest(after)
    alone = [_only_set(records) for records in (left, right)]
    renamed = [(alone[0], alone[1])] if alone[0] and alone[1] and alone[0] != alone[1] else []
    subjects: list[Callable[[Record], str]] = [_exactly, _by_name]
    if renamed:
        subjects.append(_whatever_its_name)
    pairs: list[Pair] = []
    incomparable: list[tuple[Record, Record, str]] = []
    for subject in subjects:
        found = list(_pairs(left, right, lambda record: _fingerprint(record) + subject(record)))  # noqa: B023
        pairs += found
        left, right = _without(left, found, 0), _without(right, found, 1)
    for subject in subjects:
        found = list(_pairs(left, right, lambda record: _protocol(record) + subject(record)))  # noqa: B023
        incomparable += [(a, b, protocol_difference(a, b)) for a, b in found]
        left, right = _without(left, found, 0), _without(right, found, 1)
    return Matching(pairs, incomparable, left, right, renamed)


def protocol_difference(before: Record, after: Record) -> str:
    """What differs between two protocols, as far as the records say."""
    sides = [dict(_leaves(record.details.get("protocol"))) for record in (before, after)]
    names = [name for name in dict.fromkeys([*sides[0], *sides[1]]) if sides[0].get(name) != sides[1].get(name)]
    told = [f"{name} {_said(sides[0].get(name))}, then {_said(sides[1].get(name))}" for name in names]
    if told:
        return "; ".join(told)
    if all(sides):
        return "weights, or what the measure is made of: all that the records say of the protocol is the same"
    return "the records do not say in what"


def _latest(records: Sequence[Record]) -> list[Record]:
    found: dict[str, Record] = {}
    for record in records:
        key = _fingerprint(record) + _exactly(record)
        if key not in found or record.time >= found[key].time:
            found[key] = record
    return list(found.values())


def _pairs(left: Sequence[Record], right: Sequence[Record], key: Callable[[Record], str]) -> Iterator[Pair]:
    """Records of equal keys, where each run has one such record alone."""
    sides: list[dict[str, list[Record]]] = [{}, {}]
    for of_side, records in zip(sides, (left, right), strict=True):
        for record in records:
            of_side.setdefault(key(record), []).append(record)
    for text, first in sides[0].items():
        second = sides[1].get(text, [])
        if len(first) == len(second) == 1:
            yield first[0], second[0]


def _without(records: Sequence[Record], pairs: Sequence[tuple[Record, ...]], side: int) -> list[Record]:
    gone = {id(pair[side]) for pair in pairs}
    return [record for record in records if id(record) not in gone]


def _fingerprint(record: Record) -> str:
    return canonical([record.measure.name, record.measure.unit, record.protocol.fingerprint])


def _protocol(record: Record) -> str:
    """Its name, without what options changed."""
    return canonical([record.measure.name, record.measure.unit, record.protocol.name.partition("[")[0]])


def _exactly(record: Record) -> str:
    config = record.subject.config
    if is_case(record.subject):  # the backend is what it came to, not what was asked
        config = {key: value for key, value in config.items() if key != "backend"}
    return canonical([record.subject.kind, record.subject.name, config])


def _by_name(record: Record) -> str:
    if record.subject.kind != "videos":
        return _exactly(record)
    return canonical([record.subject.name, _task(record)])


def _whatever_its_name(record: Record) -> str:
    return _exactly(record) if record.subject.kind != "videos" else canonical(_task(record))


def _task(record: Record) -> dict[str, Any]:
    """What is known of the subject but the generated videos' folder, and the names of the real ones without theirs."""
    config = {key: value for key, value in record.subject.config.items() if key not in ("generated", "versus")}
    real = config.get("real")
    return config | ({"real": [_last_part(str(path)) for path in real]} if isinstance(real, list) else {})


def _last_part(path: str) -> str:
    """Of a path; of a data set, ``NAME@ROOT:SPLIT``, without its folder."""
    name, at, place = path.partition("@")
    return name + at + PurePath(place).name if at else PurePath(path).name


def _only_set(records: Sequence[Record]) -> str:
    """The name of the one set of generated videos that a run is about; nothing where there are several or none."""
    names = {
        record.subject.name
        for record in records
        if record.subject.kind == "videos" and "versus" not in record.subject.config
    }
    return names.pop() if len(names) == 1 else ""


def _leaves(data: Any, above: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - whatever details hold
    if not isinstance(data, dict):
        return
    for name, value in data.items():
        if not above and name in ("name", "summary", "interval"):  # which no fingerprint holds
            continue
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield above + str(name), value


def _said(value: Any) -> str:  # noqa: ANN401 - any leaf
    return "nothing" if value is None else str(value)
