"""Protocols: everything that fixes a score, as one TOML file each, with a fingerprint."""

import fnmatch
from typing import Any, Literal

from pydantic import Field, ValidationError

from vidgauge.datasets.clips import ClipRule
from vidgauge.errors import UsageError, near_misses
from vidgauge.fingerprint import fingerprint
from vidgauge.metrics.measures import MEASURES, VideoMeasure
from vidgauge.metrics.weights import CARDS
from vidgauge.record import Frozen, ProtocolRef
from vidgauge.registry import Registry


class IntervalRule(Frozen):
    """How the interval of a score is made."""

    method: Literal["bootstrap"] = "bootstrap"
    """Percentile bootstrap over source videos, recentred on the score."""
    replicates: int = Field(default=500, ge=100)
    level: float = Field(default=0.95, gt=0, lt=1)
    minimum: int = Field(default=10, ge=2)
    """Fewest source videos in a set for which an interval is given."""
    seed: int = 0


class Protocol(Frozen):
    """How a score is made, from file to number."""

    name: str
    summary: str
    measure: str
    """Name of a measure, to which ``parameters`` go."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    network: str
    """Name of a network."""
    weights: str
    """Name of a weights card."""
    dtype: Literal["float32", "float64"]
    """Precision the network runs in; its outputs are kept as float32."""
    resize: str
    """How frames are brought to the network's size: a rule of ``vidgauge.datasets.spatial``, framing and kernel."""
    clip: ClipRule
    interval: IntervalRule = IntervalRule()
    world: Literal["embedded", "open"]
    """``embedded``: the network was trained on Moving Shapes, and its numbers say nothing outside that world."""
    verified: str = ""
    """Against which published values the whole protocol was checked; empty where it was not."""

    @property
    def rule(self) -> VideoMeasure:
        """The measure with this protocol's parameters."""
        return MEASURES[self.measure](**self.parameters)

    def with_clips(self, **changes: Any) -> "Protocol":  # noqa: ANN401 - fields of ClipRule
        """The same protocol with another clip rule, and so another name and fingerprint; None changes nothing.

        Raises:
            UsageError: for a field or value that a clip rule does not have.
        """
        given = {key: value for key, value in changes.items() if value is not None}
        try:
            clip = ClipRule(**(self.clip.model_dump() | given))
        except ValidationError as error:
            problem = error.errors()[0]
            where = [str(part) for part in problem["loc"]]  # empty where it is about the whole rule
            raise UsageError(": ".join(["clip rule", *where, problem["msg"]])) from error
        changed = [f"{key}={value}" for key, value in given.items() if value != getattr(self.clip, key)]
        if not changed:
            return self
        return self.model_copy(update={"clip": clip, "name": f"{self.name}[{','.join(changed)}]"})

    @property
    def standing(self) -> str:
        """Whether its numbers have been checked against published ones."""
        return (
            f"verified against {self.verified}" if self.verified else "unverified: not checked against published values"
        )

    @property
    def ref(self) -> ProtocolRef:
        """Name and fingerprint; the digest of the weights is part of it, texts are not."""
        fixed = self.model_dump(exclude={"name", "summary", "verified"})
        fixed |= {"parameters": self.rule.model_dump(), "weights_sha256": CARDS[self.weights].sha256}
        return ProtocolRef(name=self.name, fingerprint=fingerprint(fixed))


PROTOCOLS: Registry[Protocol] = Registry("protocol", "vidgauge.metrics.protocols", parse=Protocol.model_validate)


def select(patterns: list[str]) -> list[Protocol]:
    """The protocols that the names or shell patterns (``fvd.*``) mean, each once, in the order asked for.

    Raises:
        UsageError: for a pattern that means none.
    """
    names: dict[str, None] = {}
    for pattern in patterns:
        found = fnmatch.filter(PROTOCOLS.names(), pattern)
        if not found:
            raise UsageError(f"no protocol matches {pattern!r}; {near_misses(pattern, PROTOCOLS.names())}")
        names |= dict.fromkeys(found)
    return [PROTOCOLS[name] for name in names]
