"""What a comparison is asked for: groups of systems, data, one budget for all, seeds, samples, protocols."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from vidgauge.bench.tables import parsed, read_table
from vidgauge.fingerprint import fingerprint
from vidgauge.record import Frozen

SHAPES = "moving-shapes"
PROTOCOLS = ("fvd.shapes", "kvd.shapes", "is.shapes", "clipsim.shapes", "frame-consistency.shapes")
"""Those that need no file but the package's own."""
Begin = Literal["shipped", "new"]


class Budget(Frozen):
    """What training may cost: exactly one of the three. It covers every phase of a system, autoencoders included."""

    seconds: PositiveFloat | None = None
    """Of the clock, on this machine."""
    flops: PositiveFloat | None = None
    """Forward and backward, by the cost model."""
    samples: PositiveInt | None = None
    """Clips and images seen, each as often as it is drawn."""

    @model_validator(mode="after")
    def _be_one(self) -> Self:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("give exactly one of seconds, flops and samples")
        return self

    def share(self, part: float) -> "Budget":
        """A part of it."""
        ((kind, amount),) = self.model_dump(exclude_none=True).items()
        return Budget(**{kind: max(1, round(amount * part)) if kind == "samples" else amount * part})

    def __str__(self) -> str:
        if self.seconds is not None:
            return f"{self.seconds:g} s"
        return f"{self.samples:,} samples" if self.samples else f"{self.flops:.3g} FLOPs"


class Data(Frozen):
    """What systems are trained on and held against."""

    train: str = SHAPES
    """Moving Shapes, or a data set as NAME@ROOT:SPLIT; variables such as $UCF101 are replaced in it."""
    real: str = ""
    """The same for real clips to score against; Moving Shapes has other scenes than those that are trained on."""

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if (self.train == SHAPES) == bool(self.real):
            raise ValueError(f"'real' is for data other than {SHAPES!r}, which need it: another split, for one")
        return self


class Tuning(Frozen):
    """Learning rates: factors on those of every phase, tried alike for every system.

    Each factor is tried for the same share of the budget. The one whose samples are best by the first protocol is
    taken, judged on real clips that are neither trained on nor scored against. One factor is taken without a trial.
    """

    factors: tuple[PositiveFloat, ...] = Field(default=(1.0,), min_length=1)
    share: PositiveFloat = Field(default=0.1, le=1)
    """Of the budget, for each factor; on top of it."""
    samples: PositiveInt = 64
    """Videos made for each factor, and real clips that they are held against."""

    @field_validator("factors")
    @classmethod
    def _differ(cls, factors: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(factors)) < len(factors):
            raise ValueError("each factor once")
        return factors

    @property
    def clips(self) -> int:
        """How many real clips it takes."""
        return self.samples if len(self.factors) > 1 else 0


class Group(Frozen):
    """Systems that stand in one table."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ,.+_-]*$")
    systems: tuple[str, ...] = Field(min_length=1)
    """Pipelines, as 'vidgauge list systems' has them."""
    begin: Begin = "new"
    """From the weights that ship, or from new ones."""

    @field_validator("systems")
    @classmethod
    def _differ(cls, systems: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(systems)) < len(systems):
            raise ValueError("each system once")
        return systems


class Recipe(Frozen):
    """A comparison."""

    name: str
    summary: str
    """What it is for, in a line."""
    groups: tuple[Group, ...] = Field(min_length=1)
    budget: Budget
    data: Data = Data()
    tuning: Tuning = Tuning()
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    """Of first weights, of all that training draws, and of the noise that is sampled. Three give a ranking."""
    samples: int = Field(ge=2)
    """Videos of each system and seed, and real clips that they are held against."""
    steps: PositiveInt | None = None
    """Of sampling, for each stage; the preset's own unless given."""
    protocols: tuple[str, ...] = Field(default=PROTOCOLS, min_length=1)
    """By the first of them tables are ordered, learning rates chosen and neighbours compared."""
    temporal_off: bool = False
    """Whether videos are also made with the temporal layers off."""
    profile: PositiveFloat = 60.0
    """Seconds of interleaved rounds for each thing that is timed of a group."""

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        folders = [group.name.replace(" ", "-") for group in self.groups]
        if len(set(folders)) < len(folders):
            raise ValueError("two groups have the same name")
        if len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"seeds are {list(self.seeds)}; give each once, and none below 0")
        if self.tuning.clips > self.samples:
            raise ValueError(f"samples of tuning are {self.tuning.clips}; give at most the recipe's, {self.samples}")
        return self

    @property
    def fingerprint(self) -> str:
        """Of all that decides which numbers come out."""
        return fingerprint(self.model_dump(mode="json", exclude={"name", "summary"}))


_MODELS: dict[tuple[str, ...], type[Frozen]] = {
    ("groups",): Group,
    ("budget",): Budget,
    ("data",): Data,
    ("tuning",): Tuning,
}


def parse_recipe(table: dict[str, Any]) -> Recipe:
    """A recipe from a TOML table.

    Raises:
        UsageError: naming the first key that is wrong.
    """
    return parsed(Recipe, table, "recipe", _MODELS)


def find_recipe(given: str) -> Recipe:
    """A recipe by its name, or from the path of a TOML file.

    Raises:
        UsageError: where there is none, with near misses.
    """
    from vidgauge.bench.studies.recipes import RECIPES  # which parses its files with this module

    return parse_recipe(read_table(Path(given), "recipe")) if given.endswith(".toml") else RECIPES[given]
