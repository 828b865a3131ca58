"""The Fréchet distance from means and covariances: ours beside the functions of three packages."""

from collections.abc import Callable

import numpy as np
import scipy
import torch

from vidgauge.bench.contests.agreement.comparison import peer
from vidgauge.bench.contests.agreement.features import Case, Features, two_sets
from vidgauge.bench.contests.scoring_speed.finding import SECONDS, Finding
from vidgauge.bench.contests.scoring_speed.plan import Distances
from vidgauge.bench.contests.scoring_speed.race import OURS, Call, Entrant, Tell, race
from vidgauge.metrics.arrays import Array
from vidgauge.metrics.frechet import frechet_distance

WHAT = "distance"
Moments = tuple[Array, Array]
"""Mean and covariance."""
Way = Callable[[Moments, Moments], float]
_SMALLEST = 1e-2
"""Standard deviation of the last direction over the first's."""
_REHEARSAL = Case(64, 128, 128, _SMALLEST)


def run(part: Distances, tell: Tell) -> list[Finding]:
    """Seconds of each and times over ours."""
    case = Case(part.dimension, part.samples, part.samples, _SMALLEST)
    rehearsed, given = ([moments(features) for features in two_sets(each)] for each in (_REHEARSAL, case))
    ways = {
        OURS: (OURS, _ours),
        "torchmetrics": ("torchmetrics", torchmetrics),
        "pytorch-fid": ("pytorch-fid", _pytorch_fid),
        "torch-fidelity": ("torch-fidelity", _torch_fidelity),
    }
    entrants = [
        Entrant(tool, WHAT, _of(way, *given), package, _of(way, *rehearsed)) for tool, (package, way) in ways.items()
    ]
    found = race(entrants, SECONDS, part.rounds, tell)
    here = [each for each in entrants if found.ran(each)]
    seconds = [found.seconds(each, {"distance": found.values[each.name], "scipy": scipy.__version__}) for each in here]
    return [*seconds, *(found.ratio(each, here[0]) for each in here[1:]), found.noise_floor(), *found.lost]


def moments(features_nd: Features) -> Moments:
    """In float64."""
    features = features_nd.astype(np.float64)
    return features.mean(axis=0), np.cov(features, rowvar=False)


def torchmetrics(a: Moments, b: Moments) -> float:
    """What its metric calls with its moments, which it keeps as float64 tensors."""
    return float(peer("torchmetrics.image.fid")._compute_fid(*map(torch.from_numpy, (*a, *b))))


def _of(way: Way, a: Moments, b: Moments) -> Call:
    return lambda: way(a, b)


def _ours(a: Moments, b: Moments) -> float:
    return frechet_distance(*a, *b)


def _pytorch_fid(a: Moments, b: Moments) -> float:
    return float(peer("pytorch_fid.fid_score").calculate_frechet_distance(*a, *b))


def _torch_fidelity(a: Moments, b: Moments) -> float:
    statistics = [{"mu": mean, "sigma": covariance} for mean, covariance in (a, b)]
    return float(*peer("torch_fidelity.metric_fid").fid_statistics_to_metric(*statistics, verbose=False).values())
