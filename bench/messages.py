"""What the parent and its worker tell each other: a job in, one JSON line for each event out."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from vidgauge.bench.memory import Peak
from vidgauge.bench.suite import Device, Direction, Dtype, Variant
from vidgauge.bench.timing.rounds import Samples, TimingRule
from vidgauge.bench.timing.stopping import Stop
from vidgauge.record import Frozen
from vidgauge.reference_models.cost import Cost


class Job(Frozen):
    """What one worker does: a part of a suite."""

    task: Literal["time", "weigh", "fit"] = "time"
    """To time all variants, to measure the memory of each, or only to see whether each can be called once."""

    variants: list[Variant]
    baseline: str
    shape: tuple[int, int, int, int, int]
    """The input's, batch first."""
    dtype: Dtype
    device: Device
    direction: Direction
    threads: int
    seed: int
    """Of weights, inputs and the rounds' orders."""
    rule: TimingRule
    budget: float
    memory_runs: int
    memory_limit: int | None = None
    """Bytes beyond what the worker starts with; for a job on the CPU."""


class Step(Frozen):
    """About to do something with a variant: if nothing else comes, this is what it died of."""

    kind: Literal["step"] = "step"
    variant: str
    doing: str
    fraction: float = 0.0
    """Of the time budget that is spent."""


class Built(Frozen):
    """A variant exists; this is what it costs."""

    kind: Literal["built"] = "built"
    variant: str
    cost: Cost


class Probed(Frozen):
    """A variant ran once, through these backends."""

    kind: Literal["probed"] = "probed"
    variant: str
    backends: list[str]
    compile_seconds: float | None = None
    """How long the first call of something compiled took, with empty caches."""
    operators: int | None = None
    """How many the timed pass dispatches to kernels; not known of what is compiled."""
    graph_breaks: int = 0
    """Places at which torch.compile gave up and left the rest to Python."""


class Weighed(Frozen):
    """The memory of a variant is known."""

    kind: Literal["weighed"] = "weighed"
    variant: str
    peak: Peak


class Timed(Frozen):
    """All rounds are done."""

    kind: Literal["timed"] = "timed"
    samples: dict[str, Samples]
    stopped: Stop
    """Why there are no more."""
    seconds: float
    """How long the kept rounds took in all."""
    load: list[float]
    """The machine's load averages over 1, 5 and 15 minutes at the end."""


class Done(Frozen):
    """Nothing more to come."""

    kind: Literal["done"] = "done"


class Failed(Frozen):
    """A variant could not be measured; the worker ends, and is started again without it."""

    kind: Literal["failed"] = "failed"
    variant: str
    status: Literal["failed", "oom", "timeout", "skipped"]
    """``skipped``: it refuses what it was asked for on this machine, or nobody asked it."""
    reason: str


Message = Step | Built | Probed | Timed | Weighed | Done | Failed
MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])
