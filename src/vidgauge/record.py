"""The record: the only thing that crosses between the rooms. A number without its protocol is not a result."""

import math
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Status = Literal["ok", "failed", "oom", "timeout", "skipped"]


def _finite(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number; an unmeasurable value is a record with another status")
    return value


Finite = Annotated[float | None, AfterValidator(_finite)]


def storable(value: Any) -> Any:  # noqa: ANN401 - anything JSON can hold
    r"""The same, where the bytes of file names that are no UTF-8 are written out, as in ``caf\xe9.mp4``."""
    if isinstance(value, str):
        try:
            return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        except UnicodeEncodeError:  # half of a pair that no file name gave
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(storable, value))
    return value


class Frozen(BaseModel):
    """Immutable, and refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Subject(Frozen):
    """What was measured."""

    kind: str
    """Layer, system, videos, machine, ..."""
    name: str
    """What reports call it, such as ``conv3d`` or the name of a folder of videos."""
    config: dict[str, Any] = Field(default_factory=dict)
    """Everything needed to make it again: shapes, dtype, device, paths, seeds."""

    _names_of_any_bytes = model_validator(mode="before")(storable)


class Measure(Frozen):
    """Which quantity of the subject."""

    name: str
    """Such as ``latency`` or ``fvd``."""
    unit: str
    """Such as ``s``, ``B`` or ``1`` for a pure number."""
    better: Literal["lower", "higher", "neither"]
    """Which way is better."""


class ProtocolRef(Frozen):
    """How it was measured. Records are ranked against each other only where fingerprints are equal."""

    name: str
    """Such as ``fvd.shapes`` or ``latency.interleaved``."""
    fingerprint: str
    """Hash of everything in the protocol that changes the number."""


class Record(Frozen):
    """One measurement, or the reason why there is none."""

    subject: Subject
    measure: Measure
    protocol: ProtocolRef
    environment: str
    """Fingerprint of the environment, whose full description the store keeps."""
    code: str = ""
    """Commit of the vidgauge checkout that measured, with ``+changes`` if it had any; empty outside a checkout."""
    run: str
    """Identifier shared by the records of one command."""
    value: Finite = None
    """The number, in the measure's unit; empty unless the status is ``ok``."""
    low: Finite = None
    """Lower end of the interval; empty where there can be none, and ``no_interval`` says why."""
    high: Finite = None
    """Upper end of the interval."""
    level: float | None = Field(default=None, gt=0, lt=1)
    """Confidence level of the interval, such as 0.95."""
    no_interval: str = ""
    """Why there is no interval."""
    n: int = Field(default=0, ge=0)
    """How many samples the value rests on."""
    n_failed: int = Field(default=0, ge=0)
    """How many samples could not be used."""
    status: Status = "ok"
    reason: str = ""
    """Why there is no value, for any status but ``ok``."""
    time: datetime = Field(default_factory=lambda: datetime.now(UTC))
    """When it was measured, UTC."""
    details: dict[str, Any] = Field(default_factory=dict)
    """What a reader may want beside the number: raw samples, notes, names of failed files."""
    schema_version: Literal[1] = 1

    _names_of_any_bytes = model_validator(mode="before")(storable)

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if (self.status == "ok") != (self.value is not None):
            raise ValueError("a record has a value exactly when its status is 'ok'")
        if self.status != "ok" and not self.reason:
            raise ValueError(f"a record with status {self.status!r} needs a reason")
        if not (self.low is None) == (self.high is None) == (self.level is None):
            raise ValueError("an interval needs low, high and level together")
        if self.value is not None and (self.low is None) != bool(self.no_interval):
            raise ValueError("a value has either an interval or the reason why it has none (no_interval)")
        return self
