"""Kernel inception distance over the frames of videos."""

from collections.abc import Callable
from functools import partial

from pydantic import Field

from vidgauge.metrics.arrays import Array
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.kernel import kernel_distances_of_subsets
from vidgauge.metrics.measures import MEASURES
from vidgauge.metrics.measures.kvd import KVD
from vidgauge.metrics.statistic import Smooth
from vidgauge.metrics.trials import Samples
from vidgauge.record import Measure


@MEASURES.register("kid")
class KID(KVD):
    """Mean unbiased MMD^2 between random subsets of the frames of real and of generated clips (arXiv 1801.01401).

    Its interval comes from all pairs of the resampled frames, which estimate the same; it leaves out the noise that the
    choice of subsets adds.
    """

    measure = Measure(name="kid", unit="1", better="lower")
    summary = "Mean polynomial MMD^2 between subsets of real and generated frames in an image network's features"
    output: str = "frames_ntd"

    subsets: int = Field(default=100, ge=1)
    """Random subsets of the frames of each set, over which the score is the mean."""
    size: int = Field(default=1000, ge=2)
    """Frames in a subset; all frames of the smaller set, if they are fewer (as in clean-fid)."""
    seed: int = 2020
    """Of the subsets (2020: torch-fidelity's)."""

    def distance(self, real: Samples, generated: Samples) -> Smooth:
        """Of one trial, as a function of the frames' counts."""
        a, b = real.features_nd, generated.features_nd
        of_subsets = partial(
            kernel_distances_of_subsets,
            a,
            b,
            subsets=self.subsets,
            size=min(self.size, a.shape[0], b.shape[0]),
            seed=self.seed,
            degree=self.degree,
            coef0=self.coef0,
        )
        return _MeanOfSubsets(of_subsets, super().distance(real, generated))

    def notes(self, *sets: Evidence) -> list[str]:
        """A remark where subsets are smaller than asked for."""
        n = self.samples(*sets)
        smaller = [f"subsets of {n} frames, for want of {self.size}"] if n < self.size else []
        return [*super().notes(*sets), *smaller]


class _MeanOfSubsets:
    """A mean over subsets; what has counts, and influences, is of all pairs, which estimate the same."""

    def __init__(self, of_subsets: Callable[[], Array], of_all_pairs: Smooth) -> None:
        self._of_subsets, self._of_all_pairs = of_subsets, of_all_pairs

    def __call__(self, *counts: Array) -> float:
        return self._of_all_pairs(*counts) if counts else float(self._of_subsets().mean())

    def influences(self) -> tuple[Array, ...]:
        return self._of_all_pairs.influences()
