"""Callables side by side: which one is faster, by how much, and whether that can be said at all."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from vidgauge.bench.timing import statistics
from vidgauge.bench.timing.rounds import Action, Clock, Samples, TimingRule, interleave
from vidgauge.bench.timing.statistics import Estimate, Verdict
from vidgauge.errors import UsageError, near_misses


def again(name: str) -> str:
    """The label under which a baseline runs a second time, so that the noise floor is seen."""
    return f"{name} (again)"


@dataclass(frozen=True)
class Comparison:
    """Times of several variants from the same rounds."""

    samples: dict[str, Samples]
    """Every time, by variant; the baseline's second run is among them."""
    baseline: str
    """The variant that ran twice."""
    seed: int = 0
    """Of the bootstrap."""

    def latency(self, name: str) -> Estimate:
        """The median time of one call, seconds."""
        return statistics.median(self._seconds(name), self.seed)

    def ratio(self, a: str, b: str) -> Estimate:
        """Time of a over time of b, paired by round; below 1, a is faster."""
        return statistics.paired_ratio(self._seconds(a), self._seconds(b), self.seed)

    def verdict(self, a: str, b: str) -> Verdict:
        """How a stands to b: FASTER, SLOWER, EQUAL or UNDECIDED, against a threshold of 1 %."""
        return statistics.verdict(self.ratio(a, b))

    def noise_floor(self) -> Estimate:
        """The ratio of the baseline to itself. It should hold 1; its width is what this run could resolve."""
        return self.ratio(again(self.baseline), self.baseline)

    def _seconds(self, name: str) -> list[float]:
        if name not in self.samples:
            raise UsageError(f"there is no variant {name!r}; {near_misses(name, list(self.samples))}")
        return self.samples[name].seconds


def compare(
    variants: Mapping[str, Callable[[], object]],
    *,
    budget_seconds: float = 5.0,
    seed: int = 0,
    clock: Clock = time.perf_counter,
) -> Comparison:
    """Time callables against each other in interleaved rounds.

    Args:
        variants: functions without arguments, by name. The first is the baseline and runs twice, under two labels.
            A function that starts work elsewhere (a GPU) must wait for it to finish.
        budget_seconds: about how long to take; five rounds are run whatever they cost.
        seed: of the rounds' orders and of the bootstrap.
        clock: what tells the time, in seconds.

    Returns:
        the comparison; ask it for ``verdict(a, b)`` and ``ratio(a, b)``.

    Raises:
        UsageError: where there is no variant, or the budget is not positive.
    """
    if not variants or budget_seconds <= 0:
        raise UsageError(
            f"got {len(variants)} variants and a budget of {budget_seconds} s; "
            "give at least one variant and more than 0 s"
        )
    baseline = next(iter(variants))
    actions = {name: Action(function) for name, function in variants.items()}
    actions = {again(baseline): actions[baseline]} | actions
    samples = interleave(actions, TimingRule(), budget_seconds, np.random.default_rng(seed), clock=clock)
    return Comparison(samples, baseline, seed)
