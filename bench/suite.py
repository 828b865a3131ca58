"""What a suite is: cases, each a list of layers that run on one input and are compared with one baseline."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError, model_validator

from vidgauge.bench.timing.rounds import TimingRule
from vidgauge.errors import UsageError
from vidgauge.record import Frozen

Direction = Literal["forward", "backward"]


class Variant(Frozen):
    """A layer under a label."""

    layer: str
    """Its name in the zoo."""
    label: str = ""
    """What tables call it; the layer's name unless given."""
    config: dict[str, Any] = Field(default_factory=dict)
    """The layer's arguments."""
    layout: Literal["contiguous", "channels_last_3d"] = "contiguous"
    """Memory format of the input and of the weights; the second is for convolutions alone."""

    @property
    def name(self) -> str:
        """The label, or the layer's name."""
        return self.label or self.layer


class Case(Frozen):
    """One input and the layers that take it; measured once for each batch and direction."""

    name: str
    shape: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt]
    """The input without its batch: (C, T, H, W) for video_bcthw, (T, H, W, C) for tokens_bthwc."""
    batches: list[PositiveInt] = Field(min_length=1)
    directions: list[Direction] = Field(min_length=1)
    budget: PositiveFloat
    """Seconds of interleaved rounds for each batch and direction."""
    variants: list[Variant] = Field(min_length=1)
    baseline: str
    """The variant whose time the others are divided by, and which runs twice in every round."""
    dtype: Literal["float64", "float32", "bfloat16", "float16"] = "float32"
    device: Literal["cpu", "cuda"] = "cpu"

    @model_validator(mode="after")
    def _names_hold_together(self) -> Self:
        names = [variant.name for variant in self.variants]
        if len(set(names)) < len(names):
            raise ValueError(f"two variants of case {self.name!r} have the same name; give one a label")
        if self.baseline not in names:
            raise ValueError(f"the baseline {self.baseline!r} of case {self.name!r} is not among {', '.join(names)}")
        return self


class Suite(Frozen):
    """Cases that are measured by one rule."""

    name: str
    summary: str
    """What it is for, in a line."""
    cases: list[Case] = Field(min_length=1)
    timing: TimingRule = TimingRule()
    threads: PositiveInt | None = None
    """Threads inside one operator; torch's default unless given."""
    memory_runs: PositiveInt = 2
    """Runs of which the largest peak counts."""
    timeout: PositiveFloat = 60.0
    """Seconds after which a single step of a variant (building it, one call) is given up."""

    def runs(self) -> Iterator[tuple[Case, int, Direction]]:
        """Everything that is measured: each case at each batch in each direction."""
        for case in self.cases:
            for batch in case.batches:
                for direction in case.directions:
                    yield case, batch, direction


def parse_suite(table: dict[str, Any]) -> Suite:
    """A suite from a TOML table.

    Raises:
        UsageError: naming the first key that is wrong.
    """
    try:
        return Suite.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise UsageError(f"suite {table.get('name')!r}: {place}: {first['msg']}") from None


def read_suite(path: Path) -> Suite:
    """A suite from a TOML file of one's own; its name is the file's unless the file says otherwise."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot read the suite {path}: {error}") from error
    return parse_suite({"name": path.stem} | table)
