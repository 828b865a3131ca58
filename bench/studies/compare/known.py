"""What is known of a system without training it: what its steps cost, and whether its videos come out bit by bit."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from vidgauge.bench.studies.compare.lanes import Job, Lanes, Tell
from vidgauge.bench.whole_pipeline import WholePipeline
from vidgauge.files import whole_file
from vidgauge.record import Frozen
from vidgauge.reference_models.pipeline import Sampling
from vidgauge.reference_models.systems import build_pipeline
from vidgauge.reference_models.training.weights import Facts


class PhaseCost(Frozen):
    """Of one phase of a preset."""

    name: str
    steps: int
    """The preset's own."""
    batch: int
    flops: int
    """Forward and backward, of one step at that batch, by the cost model; optimisers and averages are left out."""


class Known(Frozen):
    """Of one system."""

    phases: tuple[PhaseCost, ...]
    chunks: tuple[int, ...]
    """Frames of each piece in which a video comes out of ``Pipeline.sample``."""

    def flops(self, facts: Facts) -> int:
        """Of a training run."""
        return sum(phase.flops * facts.steps[phase.name] for phase in self.phases)

    def samples(self, facts: Facts) -> int:
        """Clips and images that a training run has seen, each as often as it was drawn."""
        return sum(phase.batch * facts.steps[phase.name] for phase in self.phases)


class KnownSystems:
    """What is known of all systems, kept in a file.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        there = json.loads(path.read_text("utf-8")) if path.exists() else {}
        self._known = {system: Known.model_validate(known) for system, known in there.items()}

    def __getitem__(self, system: str) -> Known:
        return self._known[system]

    def find(self, systems: Sequence[str], lanes: Lanes, tell: Tell) -> None:
        """Find out what is not known yet."""
        missing = [system for system in systems if system not in self._known]
        jobs: list[Job] = [partial(_find, system) for system in missing]
        for number, found in lanes.run(jobs, tell):
            self._known[missing[number]] = found
            with whole_file(self._path) as partial_file:
                table = {system: known.model_dump() for system, known in self._known.items()}
                partial_file.write_text(json.dumps(table, indent=1), "utf-8")


def _find(system: str, tell: Tell) -> Known:
    """On the CPU: only shapes matter."""
    pipeline = build_pipeline(system)
    whole, phases = WholePipeline(pipeline, "training-step"), []
    for number, phase in enumerate(whole.phases):
        tell(number / (len(whole.phases) + 1), f"count operations of {system}")
        cost = PhaseCost(name=phase.name, steps=phase.steps, batch=phase.batch, flops=whole.flops_of_step(phase))
        phases.append(cost)
    pipeline.eval()
    chunks = tuple(chunk.shape[1] for chunk in WholePipeline(pipeline, "sample").chunks(1, Sampling(steps=1)))
    return Known(phases=tuple(phases), chunks=chunks)
