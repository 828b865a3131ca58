"""One unit of a validation, scored: a record a protocol, and one a difference."""

import statistics
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vidgauge.bench.studies.validate.clips import Clips
from vidgauge.bench.studies.validate.halves import values_of_halves
from vidgauge.bench.studies.validate.plan import FLOOR, SAME_FRAMES, Unit
from vidgauge.environment import Environment
from vidgauge.metrics.protocols import Protocol
from vidgauge.metrics.scoring import score
from vidgauge.record import Record, Subject

KIND = "distorted videos"
"""Of the subjects of all records of a validation."""
_KEPT = ("p", "interval", "world", "values")


class Scorer:
    """Scores the units of one validation.

    Args:
        clips: undistorted ones, cut.
        config: what all records say of their subject.
        environment: this one.
        device: where networks run.
        cache: folder of features.
    """

    def __init__(
        self, clips: Clips, config: dict[str, Any], environment: Environment, device: str | None, cache: Path | None
    ) -> None:
        self._clips, self._config, self._environment, self._run = clips, config, environment, uuid.uuid4().hex
        # Files that were just written crash no decoder: no processes are started for them.
        self._how: dict[str, Any] = {"device": device, "cache": cache, "workers": 0}

    def config(self, unit: Unit) -> dict[str, Any]:
        """What the unit's records say of their subject."""
        return self._config | {"distortion": unit.distortion, "severity": unit.severity}

    def records(self, unit: Unit, protocols: Sequence[Protocol], advance: Callable[[float], None]) -> list[Record]:
        """What the protocols say of the unit."""
        if unit == FLOOR:
            return self._floor(protocols, advance)
        clips, apart = self._clips, [protocol for protocol in protocols if not protocol.any_rule.paired]
        paths, rms = clips.distorted(unit.distortion, unit.severity) if unit.severity else (clips.other, 0.0)
        found: list[Record] = []
        if apart and unit.distortion in SAME_FRAMES:
            bent, _ = clips.distorted(SAME_FRAMES[unit.distortion], unit.severity)
            three = self._score(clips.real, paths, apart, advance, versus=bent)
            # Differences come first: the unit counts as done once its last record is there.
            found += [*three[2 * len(apart) :], *three[: len(apart)]]
        elif apart:
            found += self._score(clips.real, paths, apart, advance)
        if pairs := [protocol for protocol in protocols if protocol.any_rule.paired]:
            found += self._score(clips.other, paths, pairs, advance)
        return [self._about(unit, record, {"rms": rms}) for record in found]

    def _floor(self, protocols: Sequence[Protocol], advance: Callable[[float], None]) -> list[Record]:
        """The mean over halves, and the value of each."""
        found = []
        for protocol, values in values_of_halves(self._clips, protocols, advance=advance, **self._how):
            fields: dict[str, Any] = {"status": "failed", "reason": values}
            if not isinstance(values, str):
                none = "the mean of several values, which are in details"
                fields = {"value": statistics.fmean(values), "no_interval": none, "details": {"values": values}}
            found.append(
                Record(
                    subject=Subject(kind=KIND, name=FLOOR.name, config=self.config(FLOOR)),
                    measure=protocol.any_rule.measure,
                    protocol=protocol.ref,
                    environment=self._environment.fingerprint,
                    code=self._environment.code,
                    run=self._run,
                    n=len(self._clips),
                    **fields,
                )
            )
        return found

    def _score(
        self,
        real: list[Path],
        other: list[Path],
        protocols: Sequence[Protocol],
        advance: Callable[[float], None],
        versus: list[Path] | None = None,
    ) -> list[Record]:
        captions = self._clips.captions
        return score(
            real,
            other,
            [protocol.name for protocol in protocols],
            captions=captions,
            real_captions=captions,
            versus=versus,
            versus_captions=captions if versus else None,
            advance=lambda done, total: advance(done / total),
            **self._how,
        )

    def _about(self, unit: Unit, record: Record, details: dict[str, Any]) -> Record:
        """Without what is about this machine's folders."""
        kept = {key: record.details[key] for key in _KEPT if key in record.details}
        subject = Subject(kind=KIND, name=unit.name, config=self.config(unit))
        return record.model_copy(update={"subject": subject, "details": kept | details, "run": self._run})
