"""Influences of every statistic against central differences of its value by how often each sample counts."""

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from vidgauge.metrics import arrays
from vidgauge.metrics import kernel as kernels
from vidgauge.metrics.arrays import Array
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.inception import CONVENTIONS, InceptionConvention, InceptionScore
from vidgauge.metrics.kernel import Estimator, KernelDistance
from vidgauge.metrics.means import Mean, RatioOfMeans
from vidgauge.metrics.measures import MEASURES
from vidgauge.metrics.statistic import Smooth, Statistic


def normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).normal(0.4 + 0.1 * seed, 1, size=shape)


def probabilities(n: int, k: int) -> Array:
    """Some classes never come, and some samples are sure."""
    weights = np.exp(2 * normal(5, n, k))
    weights[:, -1] = 0
    weights[::3, 0] = 0
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def differences(statistic: Statistic, sizes: list[int], step: float = 1e-4) -> list[Array]:
    """Of the value, as each sample counts a little more and a little less."""
    found = [np.empty(size) for size in sizes]
    for which, of_set in enumerate(found):
        for sample in range(len(of_set)):
            beside = []
            for sign in (1, -1):
                counts = [np.ones(size) for size in sizes]
                counts[which][sample] += sign * step
                beside.append(statistic(*counts))
            of_set[sample] = (beside[0] - beside[1]) / (2 * step)
    return found


STATISTICS: dict[str, Callable[[], tuple[Any, list[int]]]] = {
    "mean": lambda: (Mean(normal(0, 9)), [9]),
    "mean above its least": lambda: (Mean(normal(0, 9), least=0.0), [9]),
    "mean below its least": lambda: (Mean(normal(0, 9), least=5.0), [9]),
    "ratio of means": lambda: (RatioOfMeans(normal(1, 7), normal(2, 9)), [7, 9]),
}


def kernel(estimator: Estimator, **parameters: Any) -> Callable[[], tuple[Any, list[int]]]:  # noqa: ANN401
    return lambda: (KernelDistance(normal(1, 7, 5), normal(3, 9, 5), estimator=estimator, **parameters), [7, 9])


STATISTICS |= {
    "kernel distance, unbiased": kernel("unbiased"),
    "kernel distance, biased": kernel("biased"),
    "kernel distance, degree 2": kernel("unbiased", degree=2, coef0=0.5, gamma=0.3),
}


def measure(name: str, **parameters: Any) -> Callable[[], tuple[Any, list[int]]]:  # noqa: ANN401
    """Of measures what lies between clips and samples: trials, frames, and that it is smooth at all."""

    def made() -> tuple[Any, list[int]]:
        rule = MEASURES[name](**parameters)
        sets = [clips(1, 13), clips(2, 12)] if rule.compares else [clips(2, 12)]
        return rule.statistic(*sets), [len(each) for each in sets]

    return made


def clips(seed: int, n: int) -> Evidence:
    outputs = {
        "features_nd": normal(seed, n, 3),
        "frames_ntd": normal(seed, n, 4, 3),
        "texts_nd": normal(seed + 2, n, 3),
        "probabilities_nk": probabilities(n, 4),
    }
    return Evidence(
        {key: array.astype(np.float32) for key, array in outputs.items()}, [f"{number}.mp4" for number in range(n)]
    )


STATISTICS |= {
    "fvd": measure("fvd", trials=2),
    "fid": measure("fid"),
    "kvd": measure("kvd", trials=2),
    "kid": measure("kid", subsets=2, size=10),
    "is": measure("is"),
    "clipsim": measure("clipsim"),
    "clipsim-ratio": measure("clipsim-ratio"),
    "clipscore, hessel": measure("clipscore"),
    "clipscore, torchmetrics": measure("clipscore", convention="torchmetrics"),
    "frame-consistency": measure("frame-consistency"),
}


def inception(convention: InceptionConvention) -> Callable[[], tuple[Any, list[int]]]:
    return lambda: (InceptionScore(probabilities(33, 6), CONVENTIONS[convention]), [33])


STATISTICS |= {f"inception score, {name}": inception(name) for name in get_args(InceptionConvention)}


@pytest.mark.parametrize("name", STATISTICS)
def test_influences_are_the_derivative(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_BLOCK", 8 * 6 * 5)  # so that samples come in several blocks, and tiles
    monkeypatch.setattr(kernels, "_TILE", 4)
    statistic, sizes = STATISTICS[name]()
    assert isinstance(statistic, Smooth)
    found = statistic.influences()
    assert [len(each) for each in found] == sizes
    assert all(each.dtype == np.float64 for each in found)
    for got, expected in zip(found, differences(statistic, sizes), strict=True):
        assert got == pytest.approx(expected, rel=1e-6, abs=1e-8)


def test_every_measure_is_tried() -> None:
    assert {name.partition(",")[0] for name in STATISTICS} >= set(MEASURES.names())


def test_those_of_a_mean_have_their_closed_form() -> None:
    values = normal(3, 8)
    (found,) = Mean(values).influences()
    assert found == pytest.approx((values - values.mean()) / 8, rel=1e-12)
    assert Mean(values, least=4.0)() == 4
    assert not Mean(values, least=4.0).influences()[0].any()


def test_a_ratio_counts_the_set_below_first() -> None:
    below, above = np.array([1.0, 3.0]), np.array([6.0, 2.0, 1.0])
    ratio = RatioOfMeans(below, above)
    assert ratio() == pytest.approx(1.5)
    assert ratio(np.array([1.0, 0.0]), np.array([0.0, 2.0, 0.0])) == pytest.approx(2)


def test_scores_of_classes_are_taken_from_rows_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = probabilities(60, 6)
    whole = InceptionScore(rows, CONVENTIONS["stylegan-v"])
    in_one, influences = whole(), whole.influences()[0]
    monkeypatch.setattr(arrays, "_BLOCK", 8 * 6 * 7)

    class OnDisk:
        shape = rows.shape

        def __getitem__(self, part: slice) -> NDArray[Any]:
            assert len(rows[part]) <= 7
            return rows[part]

        def __array__(self) -> NDArray[Any]:
            raise AssertionError("not all at once")

    from_disk = InceptionScore(OnDisk(), CONVENTIONS["stylegan-v"])
    assert from_disk() == pytest.approx(in_one, rel=1e-14)
    assert from_disk.influences()[0] == pytest.approx(influences, rel=1e-10)
