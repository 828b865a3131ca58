"""What a suite is: cases, each a list of layers or systems that run on one input and are compared with a baseline."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from vidgauge.bench.tables import parsed, read_table
from vidgauge.bench.timing.rounds import TimingRule
from vidgauge.errors import near_misses
from vidgauge.record import Frozen

Direction = Literal["inference", "forward", "backward", "forward+backward", "training-step", "sample", "first-frame"]
"""``inference`` keeps nothing for a backward pass; ``forward`` keeps what autograd wants. The last three are of whole
systems: losses and gradients of one step of each phase of training, clips from noise to pixels, and the same until the
first frames of them come out."""
WHOLE: frozenset[Direction] = frozenset({"training-step", "sample", "first-frame"})
"""What is asked of pipelines; all else is asked of layers and networks."""
Device = Literal["cpu", "cuda"]
Dtype = Literal["float64", "float32", "tf32", "bfloat16", "float16"]
"""``tf32`` is float32 in memory, multiplied with the ten-bit mantissas of a GPU's tensor cores."""
Axis = Literal["batch", "T", "H", "W", "HW", "C"]
Kind = Literal["layer", "system"]
"""What a variant is, and what its records are about."""


class Variant(Frozen):
    """A layer or a system under a label."""

    layer: str = ""
    """Its name in the zoo; or ``diffusers:CLASS`` or ``diffusers:FOLDER``, a part of diffusers'."""
    system: str = ""
    """In place of a layer: a preset of a reference system, such as ``vdm/small``."""
    label: str = ""
    """What tables call it; the name of layer or preset unless given."""
    config: dict[str, Any] = Field(default_factory=dict)
    """The layer's arguments. ``"T"``, ``"H"``, ``"W"`` and ``"C"`` stand for the extents of the case's input, and
    ``"C/64"`` for one of them divided."""
    layout: Literal["contiguous", "channels_last_3d"] = "contiguous"
    """Memory format of the input and of the weights; the second is for convolutions alone."""
    compile: bool = False
    """Whether it goes through torch.compile. How long that takes is a record of its own."""
    steps: PositiveInt | None = None
    """Of sampling, for each stage of a whole system; the preset's own unless given."""

    @model_validator(mode="after")
    def _be_one_thing(self) -> Self:
        if bool(self.layer) == bool(self.system):
            raise ValueError("a variant is either a layer or a system: give one of the two")
        if self.system and self.config:
            raise ValueError(f"the system {self.system!r} takes no config: a preset is whole")
        return self

    @property
    def name(self) -> str:
        """The label, or the name of the layer or preset."""
        return self.label or self.layer or self.system

    @property
    def kind(self) -> Kind:
        """Which of the two it is."""
        return "system" if self.system else "layer"

    @property
    def of_diffusers(self) -> bool:
        """Whether its layer is ``diffusers:CLASS`` or ``diffusers:FOLDER``, and none of the zoo."""
        return self.layer.startswith("diffusers:")

    @property
    def compiles(self) -> bool:
        """Whether its first call compiles something: all of it, or FlexAttention's kernel."""
        return self.compile or self.config.get("form") == "flex"


class Sweep(Frozen):
    """One extent of the input, at several values: where along them does the winner change?"""

    axis: Axis
    """``HW`` sets height and width alike."""
    values: list[PositiveInt] = Field(min_length=2)
    """In ascending order."""

    @model_validator(mode="after")
    def _ascend(self) -> Self:
        if sorted(set(self.values)) != self.values:
            raise ValueError(f"the values {self.values} must be in ascending order, each once")
        return self


class Largest(Frozen):
    """How far one extent of the input can grow before memory ends."""

    axis: Axis
    step: PositiveInt = 1
    """Only multiples of this are tried: of a window's length, say."""
    most: PositiveInt
    """Where to stop although there is memory left."""

    @model_validator(mode="after")
    def _leave_room(self) -> Self:
        if self.most < self.step:
            raise ValueError(f"most is {self.most}, less than one step of {self.step}")
        return self


class Ask(Frozen):
    """What is asked of variants, once for each dtype, direction and batch."""

    batches: list[PositiveInt] = Field(default=[1], min_length=1)
    directions: list[Direction] = Field(min_length=1)
    dtypes: list[Dtype] = Field(default=["float32"], min_length=1)
    devices: list[Device] = Field(default=["cpu", "cuda"], min_length=1)
    """Where it makes sense; on another it becomes skipped rows."""
    budget: PositiveFloat
    """Seconds of interleaved rounds for each dtype, direction and batch; with ``largest``, of the search of one
    variant."""


class Case(Ask):
    """One input and the variants that take it."""

    name: str
    shape: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt]
    """The input without its batch: (C, T, H, W) for video_bcthw, (T, H, W, C) for tokens_bthwc."""
    variants: list[Variant] = Field(min_length=1)
    baseline: str
    """The variant whose time the others are divided by, and which runs twice in every round."""
    sweep: Sweep | None = None
    """Measure at each of several extents, and find where the winner changes."""
    largest: Largest | None = None
    """Instead of timing anything, find the largest extent that fits into memory."""

    @model_validator(mode="after")
    def _names_hold_together(self) -> Self:
        names = [variant.name for variant in self.variants]
        if len(set(names)) < len(names):
            raise ValueError(f"two variants of case {self.name!r} have the same name; give one a label")
        if self.baseline not in names:
            raise ValueError(f"the baseline {self.baseline!r} of case {self.name!r} is not among {', '.join(names)}")
        return self

    @property
    def whole(self) -> bool:
        """Whether its variants are whole systems."""
        return not WHOLE.isdisjoint(self.directions)

    @model_validator(mode="after")
    def _directions_hold_together(self) -> Self:
        if self.whole and not (WHOLE.issuperset(self.directions) and all(one.system for one in self.variants)):
            allowed = ", ".join(sorted(WHOLE))
            raise ValueError(f"case {self.name!r}: {allowed} are of whole systems alone, and stand with nothing else")
        return self

    @model_validator(mode="after")
    def _axes_hold_together(self) -> Self:
        if self.sweep and self.largest:
            raise ValueError(f"case {self.name!r} has both sweep and largest; make two cases of it")
        varied = self.sweep or self.largest
        if varied and varied.axis == "batch" and "batches" in self.model_fields_set:
            raise ValueError(f"case {self.name!r} varies the batch, so it takes no batches of its own")
        return self


class Systems(Ask):
    """Presets of the reference systems, whatever there are: a case for each input that some of them are made for."""

    presets: list[str] = Field(min_length=1)
    """Patterns of names, as of a shell, such as ``vdm/*``."""


class Suite(Frozen):
    """Cases that are measured by one rule, in this order: where a budget cuts, it cuts at the end."""

    name: str
    summary: str
    """What it is for, in a line."""
    sets: dict[str, list[Variant]] = Field(default_factory=dict)
    """Variants that several cases share: ``variants = "NAME"`` of a case stands for all of a set."""
    cases: list[Case] = Field(default_factory=list)
    systems: list[Systems] = Field(default_factory=list)
    """Cases that are made of the presets there are."""
    timing: TimingRule = TimingRule()
    threads: PositiveInt | None = None
    """Threads inside one operator; torch's default unless given."""
    budget: PositiveFloat | None = None
    """Seconds for all of it, unless the user says otherwise."""
    ceilings: PositiveFloat | None = None
    """Seconds in which to measure what the device reaches at best, before everything else; times are then predicted
    from it. Not at all unless given."""
    memory_runs: PositiveInt = 2
    """Runs of which the largest peak counts."""
    memory_limit: PositiveFloat | None = None
    """GiB that a worker on the CPU may take beyond what it starts with; what wants more is out of memory."""
    timeout: PositiveFloat = 60.0
    """Seconds after which a single step of a variant (building it, one call) is given up."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in_sets(cls, table: Any) -> Any:  # noqa: ANN401 - whatever a file holds
        if not isinstance(table, dict) or not isinstance(table.get("cases"), list):
            return table
        sets = table.get("sets", {})
        cases = []
        for case in table["cases"]:
            name = case.get("variants") if isinstance(case, dict) else None
            if isinstance(name, str) and name not in sets:
                raise ValueError(f"there is no set of variants {name!r}; {near_misses(name, list(sets))}")
            cases.append(case | {"variants": sets[name]} if isinstance(name, str) else case)
        return table | {"cases": cases}

    @model_validator(mode="after")
    def _cases_hold_together(self) -> Self:
        if not self.cases and not self.systems:
            raise ValueError("there are neither cases nor systems in it")
        names = [case.name for case in self.cases]
        if len(set(names)) < len(names):
            raise ValueError("two cases have the same name")
        for case in self.cases:
            if case.largest and "cpu" in case.devices and self.memory_limit is None:
                raise ValueError(
                    f"case {case.name!r} looks for the largest {case.largest.axis} on a CPU, so the suite needs a "
                    "memory_limit (GiB): without one the search would drive the machine into swap"
                )
        return self


_MODELS: dict[tuple[str, ...], type[Frozen]] = {
    ("timing",): TimingRule,
    ("cases",): Case,
    ("cases", "variants"): Variant,
    ("cases", "sweep"): Sweep,
    ("cases", "largest"): Largest,
    ("systems",): Systems,
    ("sets",): Variant,  # below the name that a set has
}


def parse_suite(table: dict[str, Any]) -> Suite:
    """A suite from a TOML table.

    Raises:
        UsageError: naming the first key that is wrong.
    """
    return parsed(Suite, table, "suite", _MODELS)


def read_suite(path: Path) -> Suite:
    """A suite from a TOML file of one's own; its name is the file's unless the file says otherwise."""
    return parse_suite(read_table(path, "suite"))
