"""Whether tiny systems learn: their samples beside real clips without motion, and beside themselves without time."""

import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from vidgauge.bench.contests import CONTESTS, Announce, LongContest, Sitting
from vidgauge.bench.contests.learning_scores import PROTOCOL, difference, distance, with_verdict
from vidgauge.bench.contests.learning_sets import BASELINES, BLUR, PLAIN, REAL, SEED, Size, write_sets
from vidgauge.bench.contests.learning_systems import SAMPLES, Contender, TimeUpError, contenders
from vidgauge.environment import Environment
from vidgauge.files import cache_folder
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Measure, ProtocolRef, Record, Subject

CLIPS = 256
FOLDER = "VIDGAUGE_LEARNING"
"""Environment variable: the folder in which systems are trained, or lie trained, and where their samples go."""
PART = Measure(name="scored_clips", unit="1", better="neither")
_PART_PROTOCOL = "learning.part"
_RULE = {"contest": "learning", "revision": 1, "seed": SEED, "blur": BLUR, "protocol": PROTOCOL}


def learning(environment: Environment, announce: Announce, sitting: Sitting) -> Iterator[Record]:
    """Train each tiny system and hold its samples against real clips, damaged real clips and itself without time."""
    yield from compared(contenders(work_folder()), _RULE, environment, announce, sitting)


def work_folder() -> Path:
    """Where systems are trained and sampled."""
    return Path(os.environ.get(FOLDER) or cache_folder("learning"))


def compared(
    found: Sequence[Contender], rule: dict[str, Any], environment: Environment, announce: Announce, sitting: Sitting
) -> Iterator[Record]:
    """Train, sample and score each, but for what is done.

    Args:
        found: who takes part.
        rule: what identifies the contest.
        environment: of the records.
        announce: for progress.
        sitting: which parts are there, and how long to go on.

    Yields:
        A part for the real clips of each size, and one for each system.
    """
    deadline = time.monotonic() + 60 * (sitting.minutes or float("inf"))
    run = uuid.uuid4().hex
    done = {one.protocol.fingerprint for one in sitting.earlier if one.environment == environment.fingerprint}
    for number, contender in enumerate(found):
        where = Where(work_folder(), contender.size, CLIPS, contender.style)

        def tell(share: float, what: str, number: int = number, contender: Contender = contender) -> None:
            announce((number + share) / len(found), f"{contender.name}: {what}")

        where.write(tell)
        identity = rule | {"size": str(contender.size), "clips": CLIPS}
        if fingerprint(identity) not in done:
            done.add(fingerprint(identity))
            yield _record("real clips", identity, {"findings": list(_baselines(where))}, environment, run)
        with suppress(TimeUpError):
            contender.train(deadline, tell)
            identity |= {"system": contender.name, "weights": contender.digest()}
            if fingerprint(identity) not in done:
                contender.sample(CLIPS, deadline, tell)
                tell(0.95, "score")
                details = {"findings": list(_findings(where, contender)), "training": contender.facts()}
                yield _record(contender.name, identity, details, environment, run)
    announce(1.0, "done")


def summarise(parts: Sequence[Record], environment: Environment) -> list[Record]:
    """Each distance and each difference of the latest part about the same videos, as a record."""
    about = {
        (part.subject.name, part.subject.config["size"], part.subject.config["clips"]): part
        for part in parts
        if part.protocol.name == _PART_PROTOCOL and part.environment == environment.fingerprint
    }
    return [_result(part, finding) for part in about.values() for finding in part.details["findings"]]


CONTESTS.register("learning")(LongContest(learning, summarise))


class Where:
    """The folders of one size and style of videos."""

    def __init__(self, work: Path, size: Size, clips: int, style: str = PLAIN) -> None:
        self.sets = work / (f"{clips}-{size}" if style == PLAIN else f"{clips}-{size}-{style}")
        self.cache, self.size, self.clips, self.style = work / "features", size, clips, style

    def write(self, tell: Announce) -> None:
        """All sets that do not hang on a system."""
        for clips in write_sets(self.sets, self.size, self.clips, self.style):
            tell(0.02 * clips / self.clips, "real clips")

    @property
    def real(self) -> Path:
        """What everything is scored against."""
        return self.sets / REAL


def _baselines(where: Where) -> Iterator[dict[str, Any]]:
    for name in BASELINES:
        yield {"videos": name, "less": None} | distance(where.real, where.sets / name, where.cache)


def _findings(where: Where, contender: Contender) -> Iterator[dict[str, Any]]:
    samples, others = contender.folder(SAMPLES), contender.others()
    for name, folder in ({SAMPLES: samples} | others).items():
        yield {"videos": name, "less": None} | distance(where.real, folder, where.cache)
    for name, folder in (others | {name: where.sets / name for name in BASELINES}).items():
        found = difference(where.real, samples, folder, where.cache)
        yield {"videos": SAMPLES, "less": name} | with_verdict(found)
    yield from contender.more_findings(where.real)


def _record(name: str, identity: dict[str, Any], details: dict[str, Any], environment: Environment, run: str) -> Record:
    return Record(
        subject=Subject(kind="part", name=name, config=identity),
        measure=PART,
        protocol=ProtocolRef(name=_PART_PROTOCOL, fingerprint=fingerprint(identity)),
        environment=environment.fingerprint,
        code=environment.code,
        run=run,
        value=float(identity["clips"]),
        no_interval="counted",
        n=identity["clips"],
        details=details,
    )


def _result(part: Record, finding: dict[str, Any]) -> Record:
    about = {"videos": finding["videos"], "less": finding["less"], "training": part.details.get("training")}
    fields = {key: value for key, value in finding.items() if key not in ("videos", "less")}
    kind = "system" if "system" in part.subject.config else "videos"
    return Record(
        subject=Subject(kind=kind, name=part.subject.name, config=part.subject.config | about),
        environment=part.environment,
        code=part.code,
        run=part.run,
        time=part.time,
        **fields,
    )
