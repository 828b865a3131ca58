"""Training that goes on where it stopped, to the same numbers."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import cos, pi
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vidgauge.errors import UsageError

WARM_UP = 50  # steps
SAVE_EVERY = 50  # steps


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train, and on which data."""

    data_seed: int
    steps: int
    batch: int
    learning_rate: float
    """The highest, after a linear warm-up and before a cosine decay to zero."""

    def rate(self, step: int) -> float:
        """Learning rate of a step."""
        return self.learning_rate * min(1, (step + 1) / WARM_UP) * (0.5 + 0.5 * cos(pi * step / self.steps))


def fit(
    module: nn.Module, loss: Callable[[int], Tensor], plan: Plan, checkpoint: Path, advance: Callable[[int], object]
) -> float:
    """Minimise a loss in place, with AdamW.

    All that is random in a step must follow from its number (as Moving Shapes' scenes do), so a checkpoint of
    parameters and optimiser is the whole state: an interrupted run resumes from it and ends in the same weights.

    Args:
        module: what to train; left in training mode.
        loss: the scalar loss of a step, by the step's number.
        plan: the schedule.
        checkpoint: file to resume from if it exists, and to write to.
        advance: told how many steps are done, for progress.

    Returns:
        Seconds spent in total, those before an interruption included.

    Raises:
        UsageError: if the checkpoint is of another plan.
    """
    optimizer = torch.optim.AdamW(module.parameters(), weight_decay=0.01)
    done, spent = _resume(module, optimizer, plan, checkpoint)
    advance(done)
    module.train()
    started = time.monotonic() - spent
    for step in range(done, plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate(step)
        optimizer.zero_grad()
        loss(step).backward()  # type: ignore[no-untyped-call] # torch leaves this one untyped
        optimizer.step()
        advance(step + 1)
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == plan.steps:
            spent = time.monotonic() - started
            _save(module, optimizer, {"plan": asdict(plan), "done": step + 1, "seconds": spent}, checkpoint)
    return spent


def _save(module: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any], checkpoint: Path) -> None:
    partial = checkpoint.with_suffix(".partial")  # a checkpoint cut short must not be taken for one
    torch.save(state | {"module": module.state_dict(), "optimizer": optimizer.state_dict()}, partial)
    partial.replace(checkpoint)


def _resume(module: nn.Module, optimizer: torch.optim.Optimizer, plan: Plan, checkpoint: Path) -> tuple[int, float]:
    if not checkpoint.exists():
        return 0, 0.0
    state = torch.load(checkpoint, weights_only=True)
    if state["plan"] != asdict(plan):
        raise UsageError(f"{checkpoint} is from a run with other options ({state['plan']}); remove it or repeat them")
    module.load_state_dict(state["module"])
    optimizer.load_state_dict(state["optimizer"])
    return state["done"], state["seconds"]
