"""Sets drawn again and again, and what our intervals and tests say of each."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from vidgauge.bench.contests.coverage_settings import (
    SETS,
    Kind,
    Setting,
    generated,
    population,
    probabilities,
    real,
    similarities,
    two_generated,
    videos,
)
from vidgauge.metrics.arrays import Array
from vidgauge.metrics.frechet import FrechetDistance
from vidgauge.metrics.inception import CONVENTIONS, InceptionScore
from vidgauge.metrics.kernel import KernelDistance
from vidgauge.metrics.means import Mean
from vidgauge.metrics.statistic import Smooth
from vidgauge.metrics.uncertainty.bootstrap import bootstrap
from vidgauge.metrics.uncertainty.clusters import cut, in_parts
from vidgauge.metrics.uncertainty.extrapolation import extrapolate
from vidgauge.metrics.uncertainty.influence import interval
from vidgauge.metrics.uncertainty.interval import Interval
from vidgauge.metrics.uncertainty.paired import difference, halves, of_difference
from vidgauge.metrics.uncertainty.permutation import permutation_test

LEVEL = 0.95
MINIMUM = 10
SIGNIFICANT = 0.05
REPLICATES = 200
LABELLINGS = 99

Said = tuple[float, float, float, float]
"""A value, the ends of its interval, its standard error."""
Trial = Callable[[Setting, np.random.Generator], dict[str, Said]]
"""What is said of sets that are drawn anew, by what it is said about; of a test, its p alone, as the value."""


def play(setting: Setting, seed: int, tell: Callable[[float], None]) -> dict[str, Any]:
    """What intervals and tests amount to over all sets of a setting."""
    found: dict[str, list[Said]] = {}
    with threadpool_limits(1, user_api="blas"):
        for number in range(SETS):
            tell(number / SETS)
            for about, said in _TRIALS[setting.kind](setting, np.random.default_rng([seed, number])).items():
                found.setdefault(about, []).append(said)
    return {about: _summary(about, np.array(said), setting) for about, said in found.items()}


def _summary(about: str, said: Array, setting: Setting) -> dict[str, Any]:
    value, low, high, error = said.T
    if about == "p":
        return {"significant": int(np.sum(value <= SIGNIFICANT)), "sets": len(value)}
    # The mean over the sets themselves is off by 3 % of a standard deviation, which changes coverage by 0.0001.
    target = {"score": float(value.mean()), "infinite": population(setting), "difference": 0.0}[about]
    return {
        "covered": int(np.sum((low <= target) & (target <= high))),
        "sets": len(value),
        "target": target,
        "mean": float(value.mean()),
        "standard_deviation": float(value.std(ddof=1)),
        "standard_error": float(np.median(error)),
        "standard_error_squared_mean": float(np.mean(error**2)),
        "half_width": float(np.median(high - low) / 2),
    }


def _said(value: float, found: Interval) -> Said:
    assert found.low is not None, "there are enough videos"
    assert found.high is not None
    assert found.standard_error is not None
    return value, found.low, found.high, found.standard_error


def _fvd(setting: Setting, generator: np.random.Generator) -> dict[str, Said]:
    sets = [real(setting, generator), generated(setting, generator)]
    found = extrapolate(FrechetDistance, sets, [videos(setting)] * 2, level=LEVEL, minimum=MINIMUM, seed=0)
    # The curve's first point is the score with the interval that scores have.
    said = {"score": _said(found.curve[0].value, found.curve[0].interval)}
    return said if found.value is None else said | {"infinite": _said(found.value, found.interval)}


def _fvd_bootstrap(setting: Setting, generator: np.random.Generator) -> dict[str, Said]:
    statistic = FrechetDistance(real(setting, generator), generated(setting, generator))
    found = bootstrap(
        statistic,
        statistic(),
        [videos(setting)] * 2,
        replicates=REPLICATES,
        level=LEVEL,
        minimum=MINIMUM,
        seed=0,
        threads=1,
    )
    return {"score": _said(statistic(), found)}


def _kvd(setting: Setting, generator: np.random.Generator) -> dict[str, Said]:
    return _scored(setting, KernelDistance, real(setting, generator), generated(setting, generator), positive=True)


def _is(setting: Setting, generator: np.random.Generator) -> dict[str, Said]:
    whole = partial(InceptionScore, convention=CONVENTIONS["whole"])
    return _scored(setting, whole, probabilities(setting, generator), positive=True)


def _mean(setting: Setting, generator: np.random.Generator) -> dict[str, Said]:
    return _scored(setting, Mean, similarities(setting, generator), of_pairs=False)


def _scored(
    setting: Setting, measure: Callable[..., Smooth], *sets: Array, positive: bool = False, of_pairs: bool = True
) -> dict[str, Said]:
    """As a protocol has it."""
    groups, statistic = [videos(setting)] * len(sets), measure(*sets)
    halved: tuple[Array, ...] = ()
    if of_pairs:
        pieces = cut(groups, 2, seed=0)
        halved = in_parts(
            lambda part: measure(*(rows[where] for rows, where in zip(sets, part, strict=True))).influences(), pieces
        )
    found = interval(
        statistic(),
        statistic.influences(),
        groups,
        level=LEVEL,
        minimum=MINIMUM,
        halved=halved,
        positive=positive,
    )
    return {"score": _said(statistic(), found)}


def _fvd_difference(setting: Setting, generator: np.random.Generator) -> dict[str, Said]:
    reference, (a, b) = real(setting, generator), two_generated(setting, generator)
    groups = [videos(setting, 1)] * 3

    def of_part(part: tuple[Any, ...]) -> tuple[Array, Array, Array]:
        statistics = [FrechetDistance(reference[part[0]], rows[of]) for rows, of in zip((a, b), part[1:], strict=True)]
        return of_difference(*(statistic.influences() for statistic in statistics))

    value = FrechetDistance(reference, a)() - FrechetDistance(reference, b)()
    found = difference(
        value,
        of_part((slice(None),) * 3),
        groups,
        paired=setting.paired,
        level=LEVEL,
        minimum=MINIMUM,
        halved=in_parts(of_part, halves(groups, 0, paired=setting.paired)),
    )
    assert found.p is not None
    return {"difference": _said(value, found.interval), "p": _p(found.p)}


def _fvd_permutation(setting: Setting, generator: np.random.Generator) -> dict[str, Said]:
    both = np.concatenate([real(setting, generator), generated(setting, generator)])
    return _permuted(setting, FrechetDistance(both, both))


def _kvd_permutation(setting: Setting, generator: np.random.Generator) -> dict[str, Said]:
    both = np.concatenate([real(setting, generator), generated(setting, generator)])
    clusters = [f"{side} {video}" for side in "ab" for video in videos(setting)]
    return _permuted(setting, KernelDistance(both, both, clusters, clusters))


def _permuted(setting: Setting, pooled: Callable[[Array, Array], float]) -> dict[str, Said]:
    found = permutation_test(pooled, [videos(setting)] * 2, replicates=LABELLINGS, seed=0, threads=1)
    return {"p": _p(found.p)}


def _p(p: float) -> Said:
    return p, p, p, 0.0


_TRIALS: dict[Kind, Trial] = {
    "fvd": _fvd,
    "fvd bootstrap": _fvd_bootstrap,
    "kvd": _kvd,
    "is": _is,
    "mean": _mean,
    "fvd difference": _fvd_difference,
    "fvd permutation": _fvd_permutation,
    "kvd permutation": _kvd_permutation,
}
