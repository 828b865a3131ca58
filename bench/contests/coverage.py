"""Intervals and tests against simulated sets, of which the truth is known: how often the interval holds it."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from vidgauge.bench.contests import CONTESTS, Announce, LongContest, Sitting
from vidgauge.bench.contests.coverage_settings import SETS, Setting, settings
from vidgauge.bench.contests.coverage_summary import SIMULATED, summarise
from vidgauge.bench.contests.coverage_trials import LABELLINGS, LEVEL, MINIMUM, REPLICATES, SIGNIFICANT, play
from vidgauge.environment import Environment
from vidgauge.fingerprint import fingerprint
from vidgauge.record import ProtocolRef, Record, Subject

_REVISION = 1
"""Raised where sets are drawn or judged in another way, so that old ones are not mixed with new ones."""
_RULE = {
    "contest": "coverage",
    "revision": _REVISION,
    "sets": SETS,
    "level": LEVEL,
    "minimum": MINIMUM,
    "replicates": REPLICATES,
    "labellings": LABELLINGS,
    "significant": SIGNIFICANT,
}


def coverage(environment: Environment, announce: Announce, sitting: Sitting) -> Iterator[Record]:
    """How often intervals hold what they are for, and tests err, over 1,000 simulated sets of each kind."""
    done = {record.protocol.fingerprint for record in sitting.earlier if record.environment == environment.fingerprint}
    left = [setting for setting in settings() if fingerprint(_identity(setting)) not in done]
    run, start, limit = uuid.uuid4().hex, time.monotonic(), (sitting.minutes or float("inf")) * 60
    whole, spent = sum(setting.seconds for setting in left) or 1.0, 0.0
    for setting in left:
        if spent > 0 and time.monotonic() - start + setting.seconds > limit:
            break

        def tell(share: float, setting: Setting = setting, before: float = spent) -> None:
            announce((before + share * setting.seconds) / whole, _in_words(setting))

        identity = _identity(setting)
        found = play(setting, int(fingerprint(identity), 16) % 2**32, tell)
        yield _record(setting, identity, found, environment, run)
        spent += setting.seconds
    announce(1.0, "done")


CONTESTS.register("coverage")(LongContest(coverage, summarise))


def _record(
    setting: Setting, identity: dict[str, Any], found: dict[str, Any], environment: Environment, run: str
) -> Record:
    return Record(
        subject=Subject(kind="simulation", name=_in_words(setting), config=identity),
        measure=SIMULATED,
        protocol=ProtocolRef(name="coverage.simulation", fingerprint=fingerprint(identity)),
        environment=environment.fingerprint,
        code=environment.code,
        run=run,
        value=float(SETS),
        no_interval="counted",
        n=SETS,
        details=found,
    )


def _identity(setting: Setting) -> dict[str, Any]:
    """What makes two settings the same one."""
    return _RULE | asdict(setting)


def _in_words(setting: Setting) -> str:
    said = [setting.kind, f"D {setting.dimension}", f"N {setting.samples}", f"differs in {setting.differs}"]
    said += [f"{setting.tails} tails"] if setting.tails == "heavy" else []
    said += [f"{setting.each} clips a video"] if setting.each > 1 else []
    return ", ".join(said + (["paired"] if setting.paired else []))
