"""Protocols: everything that fixes a score, as one TOML file each, with a fingerprint."""

import fnmatch
from collections.abc import Mapping
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from vidgauge.datasets.clips import ClipRule
from vidgauge.errors import UsageError, near_misses
from vidgauge.fingerprint import fingerprint
from vidgauge.metrics.anchors import passed
from vidgauge.metrics.measures import MEASURES, AnyMeasure, VideoMeasure
from vidgauge.metrics.paired import PAIRED, PairedMeasure
from vidgauge.metrics.weights import CARDS
from vidgauge.record import Frozen, ProtocolRef
from vidgauge.registry import Registry
from vidgauge.weights import digest

Rule = TypeVar("Rule", bound=Frozen)

_WORLD_NOTE = "judged by a network trained on Moving Shapes: honest inside that world, says nothing outside it"


Precision = Literal["float32", "float64", "tf32", "bfloat16"]
"""What a network computes in. ``tf32``: float32, products rounded to TF32 where a GPU has that; ``bfloat16``: float32
weights under autocast."""


class IntervalRule(Frozen):
    """How the interval of a score is made."""

    method: Literal["influence", "bootstrap"] = "influence"
    """From what each source video contributes (the infinitesimal jackknife), or percentiles of the bootstrap over
    source videos, recentred on the score. A statistic that is not smooth has the second in any case."""
    replicates: int = Field(default=500, ge=100)
    """Of the bootstrap, as is ``seed``."""
    level: float = Field(default=0.95, gt=0, lt=1)
    minimum: int = Field(default=10, ge=2)
    """Fewest source videos in a set for which an interval is given."""
    seed: int = 0
    """Of replicates, and of the halves that sets are cut into."""
    draw: Literal["video", "prompt"] = "video"
    """What is drawn anew in thought: source videos with all their clips, or prompts with all their answers, where sets
    have captions."""
    permutations: int = Field(default=0, ge=0)
    """Of the test whether real and generated videos can be told apart; none where that is not asked."""


class Samples(Frozen):
    """How many videos a published number rests on: where there are more, that many are drawn."""

    real: int | None = Field(default=None, ge=1)
    """Files of real videos; all of them where nothing is said."""
    generated: int | None = Field(default=None, ge=1)
    seed: int = 0
    """Which files are drawn; the same on every machine, whatever lies beside them."""


class Task(Frozen):
    """A published evaluation: what the real videos must be, and what the generated ones answer to."""

    data: str
    """Data set and split of the real videos, as ``--real NAME@ROOT:SPLIT`` gives them: ``ucf101:train``."""
    prompts: str
    """What the generated videos were asked for, for people to read."""
    source: str
    """Paper, section and table."""


class Protocol(Frozen):
    """How a score is made, from file to number."""

    name: str
    summary: str
    measure: str
    """Name of a measure, to which ``parameters`` go."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    network: str = ""
    """Name of a network; none for a measure that looks at the frames themselves."""
    network_parameters: dict[str, Any] = Field(default_factory=dict)
    """Its own choices, such as ``batch_norm_eps``."""
    weights: str = ""
    """Name of a weights card; none with ``random_weights``, or without a network."""
    random_weights: int | None = None
    """Seed of random weights: to try speed and plumbing without a file, never to rank anything."""
    dtype: Precision = "float32"
    """Precision the network runs in; its outputs are kept as float32."""
    resize: str = ""
    """How frames are brought to the network's size: a rule of ``vidgauge.datasets.spatial``, framing and kernel. None
    where pairs of frames are compared as they are."""
    clip: ClipRule
    generated_clip: ClipRule | None = None
    """Of the generated videos, where a paper cuts them otherwise than the real ones."""
    samples: Samples = Samples()
    task: Task | None = None
    prefix: str = ""
    """What is written before each caption, blank included."""
    interval: IntervalRule = IntervalRule()
    world: Literal["embedded", "open"]
    """``embedded``: the network was trained on Moving Shapes, and its numbers say nothing outside that world."""

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if bool(self.network) != self.any_rule.needs_network:
            raise ValueError(f"measure {self.measure!r} needs {'a' if self.any_rule.needs_network else 'no'} network")
        if bool(self.network) != (bool(self.weights) != (self.random_weights is not None)):
            raise ValueError("a protocol with a network has either weights or random_weights, and none without one")
        if bool(self.resize) == self.any_rule.paired:
            raise ValueError("a protocol has a resize rule, unless it compares pairs of frames as they are")
        return self

    @property
    def any_rule(self) -> AnyMeasure:
        """The measure with this protocol's parameters."""
        if self.measure in MEASURES:
            return MEASURES[self.measure](**self.parameters)
        return PAIRED[self.measure](**self.parameters)

    @property
    def rule(self) -> VideoMeasure:
        """The same, of a protocol about sets of videos."""
        assert isinstance(self.any_rule, VideoMeasure), "asked of a protocol about sets alone"
        return self.any_rule

    @property
    def paired_rule(self) -> PairedMeasure:
        """The same, of a protocol about pairs of videos."""
        assert isinstance(self.any_rule, PairedMeasure), "asked of a protocol about pairs alone"
        return self.any_rule

    @property
    def cuts(self) -> tuple[ClipRule, ClipRule]:
        """The clip rules of real and of generated videos."""
        return self.clip, self.generated_clip or self.clip

    def with_clips(self, **changes: Any) -> "Protocol":  # noqa: ANN401 - fields of ClipRule
        """The same protocol with another clip rule for both sets, and so another name; None changes nothing.

        Raises:
            UsageError: for a field or value that a clip rule does not have.
        """
        given = {key: value for key, value in changes.items() if value is not None}
        clip, generated = (_changed(rule, given, "clip rule") for rule in self.cuts)
        changed = [
            f"{key}={value}" for key, value in given.items() if any(getattr(rule, key) != value for rule in self.cuts)
        ]
        if not changed:
            return self
        rules = {"clip": clip, "generated_clip": None if generated == clip else generated}
        return self.model_copy(update=rules | {"name": f"{self.name}[{','.join(changed)}]"})

    def with_random_weights(self, seed: int) -> "Protocol":
        """The same protocol with a network of random weights, which its name says: its numbers mean nothing."""
        if not self.network:
            return self
        name = f"{self.name}[random={seed}]"
        return self.model_copy(update={"weights": "", "random_weights": seed, "name": name})

    def with_interval(self, **changes: Any) -> "Protocol":  # noqa: ANN401 - fields of IntervalRule
        """The same protocol with another interval, which does not change its name; None changes nothing."""
        given = {key: value for key, value in changes.items() if value is not None}
        return self.model_copy(update={"interval": _changed(self.interval, given, "interval")})

    def with_precision(self, precision: Precision | None) -> "Protocol":
        """The same protocol with a network that computes in another precision, and so another name."""
        if precision in (None, self.dtype) or not self.network:
            return self
        return self.model_copy(update={"dtype": precision, "name": f"{self.name}[precision={precision}]"})

    @property
    def standing(self) -> str:
        """What its numbers are worth."""
        if self.random_weights is not None:
            return "random weights: tries speed and plumbing, says nothing about the videos"
        if self.world == "embedded":
            return _WORLD_NOTE
        if not self.network:
            return "no network: its arithmetic is checked against brute force and other packages"
        anchors = passed(self.network, self.weights, self.network_parameters)
        if not anchors:
            return "unverified: not checked against published values"
        return f"network and weights verified against {', '.join(anchors)}"

    @property
    def ref(self) -> ProtocolRef:
        """Name and fingerprint; the digests of the weights are part of it, texts and how intervals are made are not.

        Where upstream states no digest, it is that of the file on this machine, and there is none without a file.
        """
        fixed = self.model_dump(
            exclude={"name": True, "summary": True, "interval": True, "task": {"source"}}, exclude_none=True
        )
        fixed |= {"parameters": self.any_rule.model_dump(), "weights_sha256": self.digests()}
        return ProtocolRef(name=self.name, fingerprint=fingerprint(fixed))

    def shortfalls(self, videos: Mapping[str, int]) -> list[str]:
        """What a reader must know where a published number rests on more videos than there are of a side."""
        wanted = self.samples.model_dump(include={"real", "generated"}, exclude_none=True)
        return [
            f"{count} {side} videos instead of {wanted[side]}: not comparable with published numbers"
            for side, count in videos.items()
            if count < wanted.get(side, 0)
        ]

    def card(self) -> dict[str, Any]:
        """What a list of protocols says beside name and summary."""
        fields = self.model_dump(mode="json", exclude={"name", "summary"}, exclude_none=True)
        return {"fingerprint": self.ref.fingerprint, "standing": self.standing} | fields

    def digests(self) -> list[str]:
        """Of the files that its weights are in; empty strings for those that are not here and that nobody states."""
        if not self.weights:
            return []
        return [digest(CARDS[card]) for card in (self.weights, *CARDS[self.weights].also)]


def _changed(rule: Rule, given: dict[str, Any], what: str) -> Rule:
    try:
        return type(rule)(**(rule.model_dump() | given))
    except ValidationError as error:
        problem = error.errors()[0]
        where = [str(part) for part in problem["loc"]]  # empty where it is about the whole rule
        raise UsageError(": ".join([what, *where, problem["msg"]])) from error


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
