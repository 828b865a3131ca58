"""What follows from the scores of a validation: floors, sensitivities, monotonicity, content bias."""

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from vidgauge.bench.studies.validate.floors import Floor
from vidgauge.bench.studies.validate.ladders import Ladder
from vidgauge.bench.studies.validate.plan import HALVES, SAME_FRAMES, UNDISTORTED
from vidgauge.datasets.distortions import DISTORTIONS, SPATIAL, TEMPORAL
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Measure, ProtocolRef, Record, Subject

FLOOR = Measure(name="floor", unit="1", better="neither")
SENSITIVITY = Measure(name="sensitivity", unit="1", better="neither")
MONOTONICITY = Measure(name="monotonicity", unit="1", better="higher")
CONTENT_BIAS = Measure(name="content-bias", unit="1", better="neither")
ADDED_BY_TIME = Measure(name="added-by-time", unit="1", better="neither")
_DIFFERENCE = ".difference"
"""How names of protocols end that say by how much two sets differ."""
_REVISION = 1
"""Of how they are reckoned."""


def findings(records: Sequence[Record]) -> list[Record]:
    """For each protocol its floor, two records a distortion, and two on content bias, where they can be had."""
    scores: dict[str, dict[str, Record]] = {}
    for record in records:  # the later ones count
        if record.status == "ok":
            scores.setdefault(record.protocol.name, {})[record.subject.name] = record
    protocols = [name for name in scores if not name.endswith(_DIFFERENCE)]
    return [found for name in protocols for found in _Findings(scores[name], scores.get(name + _DIFFERENCE, {})).all()]


class _Findings:
    """Of one protocol."""

    def __init__(self, scores: dict[str, Record], differences: dict[str, Record]) -> None:
        self._first, self._differences = next(iter(scores.values())), differences
        halves = scores.get(HALVES)
        self._floor = Floor.of(self._first.protocol.name, halves.details["values"]) if halves else None
        self._ladders = {
            name: Ladder([scores[UNDISTORTED], *rungs] if self._floor else rungs, self._floor)
            for name in DISTORTIONS
            if (rungs := _rungs(scores, name))
        }

    def all(self) -> Iterator[Record]:
        if self._floor is not None:
            yield self._of_floor(self._floor)
        for name, ladder in self._ladders.items():
            if self._floor is not None:
                yield self._sensitivity(name, ladder)
            yield self._monotonicity(name, ladder)
        if self._floor is not None:
            yield from self._content_bias()
            yield from self._added_by_time(self._floor)

    def _of_floor(self, floor: Floor) -> Record:
        ends = {"low": floor.low, "high": floor.high, "level": floor.level}
        details = {"spread": floor.spread, "values": floor.values}
        return self._record(FLOOR, UNDISTORTED, {"value": floor.mean, "details": details} | ends)

    def _sensitivity(self, name: str, ladder: Ladder) -> Record:
        details = {"reactions": ladder.reactions(), "seen_from": ladder.seen_from(), "kind": _kind(name)}
        return self._record(
            SENSITIVITY, name, {"details": details} | _if_any(ladder.sensitivity(), "no pixel is changed")
        )

    def _monotonicity(self, name: str, ladder: Ladder) -> Record:
        details = {"violations": ladder.violations(), "kind": _kind(name)}
        return self._record(MONOTONICITY, name, {"details": details} | _if_any(ladder.tau(), "all values are equal"))

    def _content_bias(self) -> Iterator[Record]:
        """How much more a grey level of spatial damage counts than one of temporal damage: a ratio of medians."""
        slopes = {name: ladder.sensitivity() for name, ladder in self._ladders.items()}
        spatial, temporal = (
            [abs(slope) for name, slope in slopes.items() if slope is not None and name in of_kind]
            for of_kind in (SPATIAL, TEMPORAL)
        )
        if spatial and temporal and statistics.median(temporal):
            details = {"spatial": statistics.median(spatial), "temporal": statistics.median(temporal)}
            ratio = details["spatial"] / details["temporal"]
            yield self._record(CONTENT_BIAS, "all", {"value": ratio, "details": details} | _REST)

    def _added_by_time(self, floor: Floor) -> Iterator[Record]:
        """What damage to time adds to the same damage to frames: nothing if frames alone are looked at."""
        for both in SAME_FRAMES:
            for whole in self._ladders[both].rungs if both in self._ladders else ():
                difference = self._differences.get(whole.subject.name)
                if difference is not None:
                    config = {"severity": whole.subject.config["severity"]}
                    found = _added(whole, difference, floor, self._ladders[both].worse)
                    yield self._record(ADDED_BY_TIME, both, found, config)

    def _record(
        self, measure: Measure, distortion: str, fields: dict[str, Any], config: dict[str, Any] | None = None
    ) -> Record:
        first = self._first
        about = {key: value for key, value in first.subject.config.items() if key != "severity"}
        ref = ProtocolRef(
            name=f"{first.protocol.name}.{measure.name}",
            fingerprint=fingerprint([first.protocol.fingerprint, measure.name, _REVISION]),
        )
        return Record(
            subject=Subject(
                kind=first.subject.kind, name=distortion, config=about | {"distortion": distortion} | (config or {})
            ),
            measure=measure,
            protocol=ref,
            environment=first.environment,
            code=first.code,
            run=first.run,
            n=first.n,
            **fields,
        )


_REST: dict[str, Any] = {"no_interval": "follows from values that have intervals of their own"}


def _if_any(value: float | None, otherwise: str) -> dict[str, Any]:
    return {"status": "failed", "reason": otherwise} if value is None else {"value": value} | _REST


def _added(whole: Record, difference: Record, floor: Floor, worse: int) -> dict[str, Any]:
    """A difference in spreads of the floor, and to the reaction to frames alone (Ge et al.), as fields of a record."""
    assert whole.value is not None, "those without are left out"
    assert difference.value is not None, "as above"
    frames_alone = whole.value - difference.value
    relative = None if floor.holds(frames_alone) else difference.value / (frames_alone - floor.mean)
    details = {"p": difference.details.get("p"), "relative": relative}
    found: dict[str, Any] = {"value": worse * difference.value / floor.spread, "details": details}
    if difference.low is None or difference.high is None:
        return found | {"no_interval": difference.no_interval}
    low, high = sorted(worse * end / floor.spread for end in (difference.low, difference.high))
    return found | {"low": low, "high": high, "level": difference.level}


def _rungs(scores: dict[str, Record], distortion: str) -> list[Record]:
    found = [
        record
        for record in scores.values()
        if record.subject.config["distortion"] == distortion and record.subject.config["severity"]
    ]
    return sorted(found, key=lambda record: float(record.subject.config["severity"]))


def _kind(distortion: str) -> str:
    return "spatial" if distortion in SPATIAL else "temporal" if distortion in TEMPORAL else "both"
