"""The ceilings of one run: measured at its start; the winners once more in its middle and at its end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch

from vidgauge.bench import ceilings
from vidgauge.bench.ceilings.ceiling_records import PEAK_FLOPS, restored
from vidgauge.bench.ceilings.result import Ceilings
from vidgauge.bench.suite import Device, Dtype
from vidgauge.environment import Environment
from vidgauge.record import Record

When = Literal["start", "middle", "end"]


@dataclass
class RunCeilings:
    """What the device reaches at best, for each dtype that the run's cases use."""

    device: Device
    dtypes: Sequence[Dtype]
    threads: int
    seconds: float
    """For the measurement at the start."""
    seed: int
    measured: dict[When, list[Ceilings]] = field(default_factory=dict)

    def measure(self, when: When, environment: Environment, run: str) -> list[Record]:
        """Measure; at the start all candidates, later the winners alone, whose drift stands in the records."""
        start = self.measured.get("start")
        if start is None:
            found = ceilings.measure(self.device, self.dtypes, [self.threads], self.seconds, self.seed)
        else:
            found = [ceilings.remeasure(each, seed=self.seed) for each in start]
        if self.device == "cuda":
            torch.cuda.empty_cache()  # the workers need it
        self.measured[when] = found
        made = []
        for index, each in enumerate(found):
            drift = None if start is None else ceilings.drift(start[index], each)
            for record in ceilings.records(each, environment, run):
                ratio = drift and (drift.compute if record.measure == PEAK_FLOPS else drift.bandwidth)
                made.append(
                    record.model_copy(update={"details": record.details | {"when": when, "drift_from_start": ratio}})
                )
        return made

    def recall(self, when: When, records: Sequence[Record]) -> None:
        """Take over what an earlier start of the run measured."""
        self.measured[when] = restored(records)

    @property
    def everything(self) -> list[Ceilings]:
        """Of start, middle and end."""
        return [each for found in self.measured.values() for each in found]
