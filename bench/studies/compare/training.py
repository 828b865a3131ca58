"""Training an entrant by the budget: what is asked of the trainer, and the job that does it."""

from functools import partial
from math import floor
from pathlib import Path

from vidgauge.bench.studies.compare.data import Data
from vidgauge.bench.studies.compare.entrants import Entrant, beginning
from vidgauge.bench.studies.compare.known import Known
from vidgauge.bench.studies.compare.lanes import Job, Tell
from vidgauge.bench.studies.compare.recipe import Budget
from vidgauge.errors import UsageError
from vidgauge.files import sha256
from vidgauge.reference_models.training.data import open_data
from vidgauge.reference_models.training.request import Request
from vidgauge.reference_models.training.trainer import train


def training(
    entrant: Entrant, budget: Budget, data: Data, known: Known, factor: float, seed: int, folder: Path, device: str
) -> Job:
    """The job that trains it into a folder, or goes on there.

    Args:
        entrant: which.
        budget: in seconds, FLOPs or samples; the preset's phases keep their shares of the steps.
        data: what it is trained on.
        known: of the system.
        factor: on its learning rates.
        seed: of the run.
        folder: for the checkpoint, and the weights at the end.
        device: where.

    Raises:
        UsageError: for a budget that does not give each phase a step.
    """
    begin = beginning(entrant)
    request = Request(
        system=entrant.system,
        seed=seed,
        steps=None if budget.seconds is not None else _steps(entrant, budget, known),
        seconds=budget.seconds,
        data=data.training.facts,
        begin=None if begin is None else sha256(begin),
        learning_rate=factor,
    )
    return partial(_train, request, data.train_on, folder, device, begin, str(entrant))


def _steps(entrant: Entrant, budget: Budget, known: Known) -> int:
    """How many the budget is enough for, in the preset's shares."""
    phases = known.phases
    whole = sum(phase.steps for phase in phases)
    if budget.samples is not None:
        amount, each = float(budget.samples), sum(phase.steps * phase.batch for phase in phases) / whole
    else:
        assert budget.flops is not None
        amount, each = budget.flops, sum(phase.steps * phase.flops for phase in phases) / whole
    if (steps := floor(amount / each)) < len(phases):
        raise UsageError(
            f"a budget of {budget} is {steps} steps of {entrant.system}, which has {len(phases)} phases; "
            f"give at least one step to each"
        )
    return steps


def _train(request: Request, data: str, folder: Path, device: str, begin: Path | None, name: str, tell: Tell) -> None:
    train(
        request,
        open_data(data),
        folder,
        device,
        lambda done, steps, said: tell(done / steps, f"train {name}: {said}"),
        begin,
    )
