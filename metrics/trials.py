"""Statistics of two sets, averaged over trials: some published numbers are means over several samplings."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgauge.metrics.arrays import Array, equal_parts
from vidgauge.metrics.evidence import Evidence
from vidgauge.metrics.measures import VideoMeasure
from vidgauge.metrics.statistic import Rows, Smooth


class FlatRows:
    """Rows (N, D) of some clips of an output (clips, D) or (clips, T, D), still where they lie.

    Args:
        rows: the output.
        clips: which of its clips.
    """

    def __init__(self, rows: Rows, clips: slice) -> None:
        self._rows, (self._first, last, _) = rows, clips.indices(rows.shape[0])
        self.each = 1 if len(rows.shape) == 2 else rows.shape[1]
        """Rows of one clip."""
        self.shape = ((last - self._first) * self.each, rows.shape[-1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: slice) -> NDArray[Any]:
        start, stop, _ = part.indices(self.shape[0])
        clips = slice(self._first + start // self.each, self._first - (-stop // self.each))
        flat = self._rows[clips].reshape(-1, self.shape[1])
        skipped = start % self.each
        return flat[skipped : skipped + stop - start]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: ANN401 - NumPy's
        return np.asarray(self[:], dtype)


@dataclass(frozen=True)
class Samples:
    """What a statistic takes of some clips: one row a clip, or one a frame where a network looks at frames."""

    features_nd: Rows
    sources: list[str]
    """Of each row, the file it comes from."""
    rows: int
    """Of each clip."""

    @classmethod
    def of(cls, evidence: Evidence, output: str, clips: slice) -> "Samples":
        """Those clips' rows of an output, (N, D) or (N, T, D)."""
        flat = FlatRows(evidence.outputs[output], clips)
        return cls(flat, [source for source in evidence.sources[clips] for _ in range(flat.each)], flat.each)


class Trials:
    """A statistic over equal, contiguous parts of the clips of both sets, as a function of the clips' counts."""

    def __init__(
        self,
        real: Evidence,
        generated: Evidence,
        output: str,
        trials: int,
        statistic: Callable[[Samples, Samples], Smooth],
    ) -> None:
        self._parts = list(zip(equal_parts(len(real), trials), equal_parts(len(generated), trials), strict=True))
        self._samples = [(Samples.of(real, output, a), Samples.of(generated, output, b)) for a, b in self._parts]
        self._statistics = [statistic(a, b) for a, b in self._samples]

    def __call__(self, *counts: Array) -> float:
        """The mean over trials: of the clips as they are, or of as many of each as the two arrays say."""
        return float(np.mean(self.each(*counts)))

    def each(self, *counts: Array) -> list[float]:
        """The statistic of each trial; one in which fewer than two clips of a set count has none."""
        if not counts:
            return [statistic() for statistic in self._statistics]
        in_trials = [[c[part] for c, part in zip(counts, parts, strict=True)] for parts in self._parts]
        return [
            statistic(*(np.repeat(c, s.rows) for c, s in zip(counted, samples, strict=True)))
            for statistic, samples, counted in zip(self._statistics, self._samples, in_trials, strict=True)
            if min(c.sum() for c in counted) >= 2
        ]

    def influences(self) -> tuple[Array, ...]:
        """Of each clip of either set: a trial's statistic counts as one of so many."""
        sides: tuple[list[Array], ...] = ([], [])
        for statistic, samples in zip(self._statistics, self._samples, strict=True):
            for side, of_rows, s in zip(sides, statistic.influences(), samples, strict=True):
                side.append(of_rows.reshape(-1, s.rows).sum(axis=1) / len(self._statistics))
        return tuple(map(np.concatenate, sides))


class MeasureInTrials(VideoMeasure):
    """A measure of two sets, in parts if a protocol asks for that."""

    compares: ClassVar[bool] = True

    trials: int = Field(default=1, ge=1)
    """Equal, contiguous parts of both sets that are compared apart; the score is the mean (MAGVIT 4, DIGAN 10)."""

    @property
    def in_one_trial(self) -> Self:
        """The same measure over whole sets."""
        return self.model_copy(update={"trials": 1})

    @property
    def fewest(self) -> int:
        """Two clips a trial."""
        return 2 * self.trials

    @abstractmethod
    def distance(self, real: Samples, generated: Samples) -> Smooth:
        """Of one trial, as a function of the samples' counts, which are the same for all samples of one clip."""

    def statistic(self, *sets: Evidence) -> Trials:
        """As a function of the clips' counts."""
        real, generated = sets
        return Trials(real, generated, self.output, self.trials, self.distance)

    def samples(self, *sets: Evidence) -> int:
        """How many samples a trial has, in the smaller set."""
        shapes = (evidence.outputs[self.output].shape for evidence in sets)
        return min(int(np.prod(shape[:-1])) // self.trials for shape in shapes)

    def notes(self, *sets: Evidence) -> list[str]:
        """How trials scatter."""
        if self.trials == 1:
            return []
        each = self.statistic(*sets).each()
        return [f"standard deviation over {self.trials} trials, as published: {np.std(each):.4g}"]
