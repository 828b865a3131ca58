"""What the coverage contest simulates: sets of features whose distributions are known."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

from vidgauge.metrics.arrays import Array

Kind = Literal["fvd", "kvd", "is", "mean", "fvd bootstrap", "fvd difference", "fvd permutation", "kvd permutation"]
Differs = Literal["nothing", "mean", "covariance", "both"]
Tails = Literal["normal", "heavy"]

SETS = 1000
CLASSES = 10
_DEGREES = 8
"""Of freedom of the multivariate t distribution that has heavy tails; its kurtosis is 4.5, and more in the squares."""
_SHIFT_SCALE: dict[Differs, tuple[float, float]] = {
    "nothing": (0.0, 1.0),
    "mean": (0.3, 1.0),
    "covariance": (0.0, 1.2),
    "both": (0.5, 1.5),
}
"""Of the generated features, in every direction."""


@dataclass(frozen=True)
class Setting:
    """One kind of sets, of which many pairs are drawn."""

    kind: Kind
    dimension: int
    """Of the features; 1 where each clip has one number."""
    samples: int
    """Clips in each set."""
    differs: Differs = "both"
    """In what the generated clips' distribution differs from the real ones'."""
    tails: Tails = "normal"
    each: int = 1
    """Clips a video; they have half of their variance in common."""
    paired: bool = False
    """Of differences: whether both generated sets answer the same prompts."""

    @property
    def seconds(self) -> float:
        """About how long all its sets take, to tell how far the contest is."""
        n, d = self.samples, self.dimension
        milliseconds = {
            "fvd": 1 + (0.6 + 0.02 * d) * min(n // d - 1, 15),
            "kvd": 1.5 + 3e-5 * n * n,
            "is": 1.0,
            "mean": 0.3,
            "fvd bootstrap": 65.0,
            "fvd difference": 4.0,
            "fvd permutation": 35.0,
            "kvd permutation": 15.0,
        }
        return SETS * milliseconds[self.kind] / 1000


def settings() -> Iterator[Setting]:
    """All of them, in the order of the tables."""
    kinds: list[tuple[Differs, Tails, int]] = [
        ("both", "normal", 1),
        ("both", "heavy", 1),
        ("both", "normal", 4),
        ("mean", "normal", 1),
        ("covariance", "normal", 1),
        ("nothing", "normal", 1),
    ]
    for dimension, ratio, (differs, tails, each) in product((16, 64), (2, 4, 8, 16), kinds):
        quick = dimension == 16 or differs in ("both", "nothing")
        if quick and ratio * dimension // each >= 10:  # videos; fewer have no interval
            yield Setting("fvd", dimension, ratio * dimension, differs, tails, each)
    for samples, (differs, tails, each) in product((64, 256), (*kinds[:3], kinds[5])):
        yield Setting("kvd", 16, samples, differs, tails, each)
    for samples, each in ((64, 1), (256, 1), (256, 4)):
        yield Setting("is", CLASSES, samples, "nothing", each=each)
    for samples, each in ((20, 1), (100, 1), (100, 4)):
        yield Setting("mean", 1, samples, "nothing", each=each)
    for differs in ("both", "nothing"):
        yield Setting("fvd bootstrap", 16, 64, differs)
    for samples, paired in product((64, 256), (False, True)):
        yield Setting("fvd difference", 16, samples, "both", paired=paired)
    for each in (1, 4):
        yield Setting("fvd permutation", 16, 64, "nothing", each=each)
        yield Setting("kvd permutation", 16, 64, "nothing", each=each)


def real(setting: Setting, generator: np.random.Generator) -> Array:
    """Features (N, D) of real clips."""
    return _features(setting, generator, setting.each)


def generated(setting: Setting, generator: np.random.Generator) -> Array:
    """Features (N, D) of generated clips."""
    return _moved(setting, _features(setting, generator, setting.each))


def two_generated(setting: Setting, generator: np.random.Generator) -> tuple[Array, Array]:
    """Features of two generated sets of one distribution; if paired, row by row answers to the same prompt."""
    if not setting.paired:
        return generated(setting, generator), generated(setting, generator)
    answers = _moved(setting, _features(setting, generator, 2, 2 * setting.samples))
    return answers[::2], answers[1::2]


def probabilities(setting: Setting, generator: np.random.Generator) -> Array:
    """Of classes (N, K), of clips."""
    raised = np.exp(2 * _common(setting, generator, setting.each, setting.samples))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def similarities(setting: Setting, generator: np.random.Generator) -> Array:
    """(N,) numbers between 0 and 1, as skewed as cosines with captions are."""
    return np.asarray(1 / (1 + np.exp(-1 - _common(setting, generator, setting.each, setting.samples)[:, 0])))


def population(setting: Setting) -> float:
    """The Fréchet distance between the distributions of the features."""
    shift, scale = _SHIFT_SCALE[setting.differs]
    return float(setting.dimension * shift**2 + (scale - 1) ** 2 * np.sum(_variances(setting)))


def videos(setting: Setting, each: int | None = None) -> list[str]:
    """Of each clip, its video."""
    return [str(clip // (each or setting.each)) for clip in range(setting.samples)]


def _features(setting: Setting, generator: np.random.Generator, each: int, samples: int | None = None) -> Array:
    n = samples or setting.samples
    features = _common(setting, generator, each, n)
    if setting.tails == "heavy":
        squares = generator.chisquare(_DEGREES, (n // each, 1)) / (_DEGREES - 2)
        features /= np.sqrt(np.repeat(squares, each, axis=0))
    return np.asarray(features * np.sqrt(_variances(setting)))


def _common(setting: Setting, generator: np.random.Generator, each: int, samples: int) -> Array:
    """Standard normal numbers (samples, D), of which those of one video have half of the variance in common."""
    own = generator.standard_normal((samples, setting.dimension))
    if each == 1:
        return own
    of_video = generator.standard_normal((samples // each, setting.dimension))
    return np.asarray((own + np.repeat(of_video, each, axis=0)) / np.sqrt(2))


def _moved(setting: Setting, features_nd: Array) -> Array:
    shift, scale = _SHIFT_SCALE[setting.differs]
    return features_nd * scale + shift


def _variances(setting: Setting) -> Array:
    """Of the directions: a tenth of the largest in the smallest."""
    return np.geomspace(0.2, 2, setting.dimension)
