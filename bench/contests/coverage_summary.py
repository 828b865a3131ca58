"""What simulated sets amount to: shares with their intervals."""

import uuid
from collections.abc import Sequence
from typing import Any

from scipy.stats import binomtest

from vidgauge.environment import Environment
from vidgauge.record import Measure, ProtocolRef, Record, Subject

SIMULATED = Measure(name="simulated_sets", unit="1", better="neither")
COVERAGE = Measure(name="coverage", unit="1", better="neither")
FALSE_DIFFERENCES = Measure(name="false_difference_rate", unit="1", better="lower")

_LEVEL = 0.95


def summarise(simulations: Sequence[Record], environment: Environment) -> list[Record]:
    """Records of each interval and test in each setting, from the simulations of this environment."""
    run = uuid.uuid4().hex
    latest = {
        record.protocol.fingerprint: record
        for record in simulations
        if record.protocol.name == "coverage.simulation" and record.environment == environment.fingerprint
    }
    return [
        _result(record, about, found, environment, run)
        for record in latest.values()
        for about, found in record.details.items()
    ]


def _result(record: Record, about: str, found: dict[str, Any], environment: Environment, run: str) -> Record:
    measure, count = (FALSE_DIFFERENCES, found["significant"]) if about == "p" else (COVERAGE, found["covered"])
    interval = binomtest(count, found["sets"]).proportion_ci(_LEVEL, method="wilson")
    return Record(
        subject=Subject(
            kind="test" if about == "p" else "interval",
            name=record.subject.config["kind"],
            config=record.subject.config | {"about": about},
        ),
        measure=measure,
        protocol=ProtocolRef(name=f"coverage.{measure.name}", fingerprint=record.protocol.fingerprint),
        environment=environment.fingerprint,
        code=record.code,
        run=run,
        value=count / found["sets"],
        low=float(interval.low),
        high=float(interval.high),
        level=_LEVEL,
        n=found["sets"],
        details=found,
    )
