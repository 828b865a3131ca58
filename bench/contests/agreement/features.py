"""Features made by hand, seeded, on which statistics are compared."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]
Embeddings = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """Two sets of features."""

    dimension: int
    real: int
    generated: int
    smallest: float = 1.0
    """Standard deviation of the last direction as a share of the first's; between them it falls geometrically."""

    @property
    def title(self) -> str:
        """As tables call it."""
        counts = str(self.real) if self.real == self.generated else f"{self.real} and {self.generated}"
        spectrum = "flat" if self.smallest == 1 else f"falling to {self.smallest:g}"
        return f"d={self.dimension}, N={counts}, spectrum {spectrum}"


@cache
def two_sets(case: Case) -> tuple[Features, Features]:
    """Real and generated features: Gaussians whose means, scales and directions differ, so that no term is small."""
    generator = np.random.default_rng(0)
    deviations_d = np.geomspace(1, case.smallest, case.dimension)
    real = generator.normal(size=(case.real, case.dimension)) * deviations_d
    generated = generator.normal(0.3, 1.2, size=(case.generated, case.dimension)) * deviations_d
    # A reflection turns the second set's directions, lest both covariances be nearly diagonal.
    mirror_d = generator.normal(size=case.dimension)
    mirror_d /= np.linalg.norm(mirror_d)
    generated -= 2 * np.outer(generated @ mirror_d, mirror_d)
    return real.astype(np.float32), generated.astype(np.float32)


@cache
def logits(samples: int = 2000, classes: int = 101) -> NDArray[np.float64]:
    """Of a classifier that is sure of some samples and not of others, (N, K)."""
    generator = np.random.default_rng(1)
    return generator.normal(size=(samples, classes)) * generator.uniform(0, 4, size=(samples, 1))


@cache
def embeddings(clips: int = 12, frames: int = 16, dimension: int = 512) -> tuple[Embeddings, Embeddings]:
    """Of frames (N, T, D), which resemble their neighbours, and of captions (N, D), which resemble their frames."""
    generator = np.random.default_rng(2)
    steps = generator.normal(size=(clips, frames, dimension))
    frames_ntd = np.cumsum(steps, axis=1)
    texts_nd = frames_ntd.mean(axis=1) + 3 * generator.normal(size=(clips, dimension))
    return frames_ntd, texts_nd
