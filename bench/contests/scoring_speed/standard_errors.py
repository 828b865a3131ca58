"""Standard errors of a Fréchet distance from influences and from a bootstrap, whose replicates plain loops make too."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgauge.bench.contests.agreement.features import Case, Features, two_sets
from vidgauge.bench.contests.scoring_speed.distances import moments, torchmetrics
from vidgauge.bench.contests.scoring_speed.finding import (
    ERROR_RATIO,
    RATE,
    RATIO,
    SECONDS,
    Finding,
    estimated,
)
from vidgauge.bench.contests.scoring_speed.plan import StandardErrors
from vidgauge.bench.contests.scoring_speed.race import OURS, Entrant, Tell, race
from vidgauge.metrics.arrays import Array
from vidgauge.metrics.frechet import FrechetDistance, frechet_distance_of_features
from vidgauge.metrics.uncertainty.bootstrap import bootstrap
from vidgauge.metrics.uncertainty.clusters import cut, in_parts
from vidgauge.metrics.uncertainty.influence import standard_error
from vidgauge.metrics.uncertainty.interval import Interval
from vidgauge.record import Measure

VALUE = "the distance alone"
INFLUENCE = "standard error by influence"
HALVES = "standard error by influence, with halves"
BOOTSTRAP = "standard error by bootstrap"
REPLICATES = "exact replicates"
Drawn = list[NDArray[np.intp]]
"""For each set, which samples are in a replicate, as often as they are."""
_SMALLEST = 1e-2
_SEED = 0
_LEVEL = 0.95


def run(part: StandardErrors, tell: Tell) -> list[Finding]:
    """Seconds and standard errors of each way; replicates a second of each loop."""
    a_nd, b_nd = two_sets(Case(part.dimension, part.samples, part.samples, _SMALLEST))
    ours = _Ours(a_nd, b_nd)
    drawn = ours.drawn(part.in_a_round)
    errors = [
        Entrant(OURS, INFLUENCE, ours.by_influence),
        Entrant(OURS, HALVES, ours.by_influence_with_halves),
        Entrant(OURS, VALUE, ours.value),
    ]
    loops = [
        Entrant(OURS, REPLICATES, lambda: ours.replicates(part.in_a_round)[0]),
        Entrant("plain loop", REPLICATES, lambda: _loop(frechet_distance_of_features, a_nd, b_nd, drawn)),
        Entrant("torchmetrics", REPLICATES, lambda: _loop(_by_torchmetrics, a_nd, b_nd, drawn), "torchmetrics"),
    ]
    found = race([*errors, *loops], RATE, part.rounds, lambda done, what: tell(0.6 * done, what))
    tell(0.6, f"{part.replicates} replicates")
    began = time.perf_counter()
    _, whole = ours.replicates(part.replicates)
    seconds = time.perf_counter() - began
    bootstrapped = {"value": seconds, "n": 1, "no_interval": "all replicates once"}
    bootstrapped["details"] = {"standard_error": whole, "replicates": part.replicates}
    findings = [Finding(tool=OURS, what=BOOTSTRAP, measure=SECONDS, result=bootstrapped)]
    findings += [found.seconds(each, {"standard_error": found.values[each.name]}) for each in errors[:2]]
    findings += [found.seconds(errors[2], {"distance": found.values[errors[2].name]})]
    for each in errors[:2]:
        once = {"n": 1, "no_interval": "all replicates once"}
        slower = seconds / found.times.latency(each.name).value
        apart = found.values[each.name] / whole
        findings.append(_over(BOOTSTRAP, each.what, RATIO, {"value": slower} | once))
        findings.append(_over(each.what, BOOTSTRAP, ERROR_RATIO, {"value": apart} | once))
    for each in loops:
        if found.ran(each):
            speed = found.times.latency(each.name).per_second(part.in_a_round)
            findings.append(found.finding(each, RATE, estimated(speed, {"distances": found.values[each.name]})))
    findings += [found.ratio(each, loops[0]) for each in loops[1:] if found.ran(each)]
    return [*findings, found.noise_floor(), *found.lost]


class _Ours:
    """What is public in our package, on two sets whose samples are all independent."""

    def __init__(self, a_nd: Features, b_nd: Features) -> None:
        self._a_nd, self._b_nd = a_nd, b_nd
        self._groups = [[str(number) for number in range(len(features))] for features in (a_nd, b_nd)]

    def value(self) -> float:
        return FrechetDistance(self._a_nd, self._b_nd)()

    def by_influence(self) -> float:
        """The value is not computed."""
        return standard_error(FrechetDistance(self._a_nd, self._b_nd).influences(), self._groups)

    def by_influence_with_halves(self) -> float:
        """The same, and influences within each half of the sets."""
        whole = FrechetDistance(self._a_nd, self._b_nd).influences()
        halved = in_parts(
            lambda part: FrechetDistance(self._a_nd[part[0]], self._b_nd[part[1]]).influences(),
            cut(self._groups, 2, _SEED),
        )
        return standard_error(whole, self._groups, halved=halved)

    def replicates(self, count: int) -> tuple[list[float], float]:
        """Bootstrap replicates, smallest first, and the standard error that they give."""
        statistic, values = FrechetDistance(self._a_nd, self._b_nd), list[float]()

        def noted(*counts: Array) -> float:
            values.append(statistic(*counts))
            return values[-1]

        error = self._bootstrap(noted, count).standard_error
        assert error is not None
        return sorted(values), error

    def drawn(self, count: int) -> list[Drawn]:
        """Which samples these replicates hold."""
        drawn: list[Drawn] = []

        def noted(*counts: Array) -> float:
            drawn.append([np.repeat(np.arange(len(of_set)), of_set.astype(int)) for of_set in counts])
            return 0.0

        self._bootstrap(noted, count)
        return drawn

    def _bootstrap(self, statistic: Callable[..., float], count: int) -> Interval:
        return bootstrap(statistic, 0.0, self._groups, replicates=count, level=_LEVEL, minimum=2, seed=_SEED)


def _loop(
    statistic: Callable[[Features, Features], float], a_nd: Features, b_nd: Features, drawn: list[Drawn]
) -> list[float]:
    """As one would write it, with the same samples that our bootstrap draws."""
    return sorted(statistic(a_nd[of_a], b_nd[of_b]) for of_a, of_b in drawn)


def _by_torchmetrics(a_nd: Features, b_nd: Features) -> float:
    return torchmetrics(moments(a_nd), moments(b_nd))


def _over(above: str, below: str, measure: Measure, result: dict[str, Any]) -> Finding:
    return Finding(tool=OURS, what=f"{above} / {OURS}, {below}", measure=measure, result=result)
