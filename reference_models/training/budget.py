"""How many steps each phase gets."""

import time
from collections.abc import Callable, Sequence
from math import floor

from vidgauge.errors import UsageError, near_misses
from vidgauge.reference_models.pipeline import Phase

TRIALS = 3
"""Steps of each phase that are timed, after one that is not."""


def shared(phases: Sequence[Phase], steps: int) -> list[int]:
    """So many steps over all phases, in proportion to their own, at least one each.

    Raises:
        UsageError: where there are fewer steps than phases.
    """
    if steps < len(phases):
        names = ", ".join(phase.name for phase in phases)
        raise UsageError(f"{steps} steps for {len(phases)} phases ({names}); give at least one for each")
    whole = sum(phase.steps for phase in phases)
    exact = [steps * phase.steps / whole for phase in phases]
    given = [max(1, floor(share)) for share in exact]
    while (rest := steps - sum(given)) != 0:  # to those that lack most, from those that have most too much
        way = 1 if rest > 0 else -1
        able = [i for i in range(len(given)) if way > 0 or given[i] > 1]
        given[max(able, key=lambda i: way * (exact[i] - given[i]))] += way
    return given


def chosen(phases: Sequence[Phase], names: Sequence[str] | None) -> list[Phase]:
    """The phases of those names, in the pipeline's order; all of them without names.

    Raises:
        UsageError: where there is none of a name.
    """
    there = [phase.name for phase in phases]
    for name in names or ():
        if name not in there:
            raise UsageError(f"there is no phase {name!r}; {near_misses(name, there)}")
    return [phase for phase in phases if names is None or phase.name in names]


def affordable(phases: Sequence[Phase], step: Callable[[Phase, int], object], seconds: float) -> int:
    """How many steps over all phases take so long on this machine, the timing itself included.

    Args:
        phases: of a pipeline that is thrown away afterwards.
        step: takes a training step of a phase, by its number; at number 0 it begins the phase.
        seconds: at disposal.
    """
    started = time.monotonic()
    whole = sum(phase.steps for phase in phases)
    mean = 0.0  # seconds of a step, over all phases
    for phase in phases:
        step(phase, 0)
        begun = time.monotonic()
        for number in range(1, TRIALS + 1):
            step(phase, number)
        mean += (time.monotonic() - begun) / TRIALS * phase.steps / whole
    return max(len(phases), floor((seconds - (time.monotonic() - started)) / mean))
