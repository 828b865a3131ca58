"""A validation from beginning to end, which may be cut off anywhere and goes on where it was."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidgauge.bench.studies.validate.clips import Clips, work_folder
from vidgauge.bench.studies.validate.findings import findings
from vidgauge.bench.studies.validate.plan import FIRST, FLOOR, HALVES, UNDISTORTED, Unit, chosen, ladder_units
from vidgauge.bench.studies.validate.scoring import Scorer
from vidgauge.bench.studies.validate.sources import RealVideos, Shapes, Source
from vidgauge.environment import Environment
from vidgauge.errors import UsageError
from vidgauge.metrics.protocols import Protocol, select
from vidgauge.metrics.scoring import EMBEDDED
from vidgauge.record import Record

Announce = Callable[[float, str], None]
"""Told what fraction is done, and what is being done."""

_REVISION = 1
"""Of the distortions and of how clips are cut: records of another one are not gone on with."""


@dataclass
class Validation:
    """Protocols held against clips that are damaged in known ways.

    Args:
        protocols: names or patterns; the embedded ones unless told.
        real: file, folder or data set of real videos; Moving Shapes without it.
        captions: file of the real videos' captions.
        clips: in each of two halves, where there are videos enough.
        frames: of each clip.
        distortions: names; all of them if there are none.
        device: where networks run.
        cache: folder of features; the user's own unless told.

    Raises:
        UsageError: for names that do not exist, numbers that cannot be, and paths without videos.
    """

    protocols: Sequence[str] = EMBEDDED
    real: str | None = None
    captions: str | None = None
    clips: int = 256
    frames: int = 16
    distortions: Sequence[str] = ()
    device: str | None = None
    cache: Path | None = None
    measured: list[Record] = field(default_factory=list, init=False)
    """All records of this validation, of earlier runs and of this one."""

    def __post_init__(self) -> None:
        for name, value, least in (("clips", self.clips, 2), ("frames", self.frames, 2)):
            if value < least:
                raise UsageError(f"got --{name} {value}; it takes {least} or more")
        if self.captions is not None and self.real is None:
            raise UsageError("--captions are those of --real videos; Moving Shapes has its own")
        self._chosen = select(list(self.protocols))
        for protocol in self._chosen:
            spans = [rule.span for rule in protocol.cuts if rule.fps is None and rule.short in ("skip", "fail")]
            if spans and max(spans) > self.frames:
                raise UsageError(
                    f"protocol {protocol.name!r} needs {max(spans)} frames, and clips have {self.frames}; "
                    f"give --frames {max(spans)} or more"
                )
        self._distortions = chosen(self.distortions)
        self._source: Source = Shapes() if self.real is None else RealVideos(self.real, self.captions)

    def run(self, earlier: Sequence[Record], environment: Environment, announce: Announce) -> Iterator[Record]:
        """Score what is not scored yet.

        Args:
            earlier: records of a store, of this validation and of anything else.
            environment: this one; records of others do not count.
            announce: told of the progress.

        Raises:
            VidgaugeError: where there are too few videos, or no protocol has its weights.
        """
        with work_folder() as folder:
            clips = Clips(folder, self.frames, self._distortions)
            clips.cut(self._source, self.clips, lambda share: announce(0.02 * share, "cut clips"))
            config = self._config(clips)
            scorer = Scorer(clips, config, environment, self.device, self.cache)
            self.measured = [
                record
                for record in earlier
                if record.environment == environment.fingerprint and self._asked(record) and _about(record, config)
            ]
            pairs = [protocol for protocol in self._chosen if protocol.any_rule.paired]
            apart = [protocol for protocol in self._chosen if protocol not in pairs]
            yield from self._score([FIRST], apart, scorer, _within(announce, 0.02, 0.04))
            apart = [protocol for protocol in apart if self._has(FIRST, protocol, scorer)]
            yield from self._score([FLOOR], apart, scorer, _within(announce, 0.04, 0.06))
            ladders = ladder_units(self._distortions)
            yield from self._score(ladders, apart + pairs, scorer, _within(announce, 0.06, 1.0))
        announce(1.0, "done")

    @property
    def failed(self) -> list[str]:
        """The videos that gave no clip, and why, once it has run."""
        return self._source.failed

    def results(self) -> list[Record]:
        """The scores, and what follows from them: floors, sensitivities, monotonicity, content bias."""
        scores = {(record.protocol.name, record.subject.name): record for record in self.measured}  # the latest
        shown = [record for record in scores.values() if record.subject.name != HALVES]
        return shown + findings(self.measured)

    def _asked(self, record: Record) -> bool:
        """Whether the record is of a protocol and a distortion that are asked for."""
        names = {name for one in self._chosen for name in (one.name, f"{one.name}.difference")}
        distortion = record.subject.config.get("distortion")
        return record.protocol.name in names and distortion in (UNDISTORTED, HALVES, *self._distortions)

    def _config(self, clips: Clips) -> dict[str, Any]:
        return {
            "data": self._source.name,
            "digest": clips.digest,
            "clips": len(clips),
            "frames": self.frames,
            "failed": len(self._source.failed),
            "revision": _REVISION,
        }

    def _has(self, unit: Unit, protocol: Protocol, scorer: Scorer) -> bool:
        config, ref = scorer.config(unit), protocol.ref
        return any(record.protocol == ref and record.subject.config == config for record in self.measured)

    def _score(
        self, units: Sequence[Unit], protocols: Sequence[Protocol], scorer: Scorer, announce: Announce
    ) -> Iterator[Record]:
        """What is missing, unit by unit."""
        lacking = {unit: [one for one in protocols if not self._has(unit, one, scorer)] for unit in units}
        lacking = {unit: missing for unit, missing in lacking.items() if missing}
        for number, (unit, missing) in enumerate(lacking.items()):

            def advance(share: float, number: int = number, unit: Unit = unit) -> None:
                announce((number + share) / len(lacking), unit.name)

            for record in scorer.records(unit, missing, advance):
                self.measured.append(record)
                yield record


def _within(announce: Announce, start: float, end: float) -> Announce:
    return lambda share, what: announce(start + share * (end - start), what)


def _about(record: Record, config: dict[str, Any]) -> bool:
    """Whether it is a score of these clips."""
    return record.status == "ok" and config.items() <= record.subject.config.items()
