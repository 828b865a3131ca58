"""Count, mean and scatter of samples: gathered block by block in float64, merged without loss."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import blas

from vidgauge.metrics.arrays import Array, CheckedRows

if TYPE_CHECKING:
    from vidgauge.metrics.statistic import Rows


class Moments:
    """The first two moments of samples of which there may be any number: little memory, D^2 numbers.

    Those of two sets merge exactly, in any order (Chan, Golub and LeVeque 1983), and so do blocks of one set. What is
    summed is always centred: a mean that is large beside the spread costs no digits.

    Args:
        dimension: D.
    """

    def __init__(self, dimension: int) -> None:
        self.count = 0
        self.mean: Array = np.zeros(dimension)
        self._upper: Array = np.zeros((dimension, dimension), order="F")

    @classmethod
    def of(cls, rows_nd: "ArrayLike | Rows | CheckedRows") -> "Moments":
        """Of all rows (N, D), in memory or on a disk, read block by block; a UsageError names what is wrong in them."""
        rows = rows_nd if isinstance(rows_nd, CheckedRows) else CheckedRows(rows_nd, "features", 2)
        moments = cls(rows.shape[1])
        for _, block in rows.blocks():
            moments.add(block)
        return moments

    def add(self, block_nd: Array) -> None:
        """Further samples, (N, D) in float64."""
        if not len(block_nd):
            return
        mean = block_nd.mean(axis=0)
        centred = block_nd - mean
        mean += centred.mean(axis=0)  # what rounding has left in a mean that is large
        self._move(len(block_nd), mean)
        self._upper = blas.dsyrk(1.0, centred.T, beta=1.0, c=self._upper, overwrite_c=1)

    def merge(self, other: "Moments") -> None:
        """The samples of another set too; the other stays as it is."""
        if other.count:
            self._move(other.count, other.mean)
            self._upper += other._upper

    @property
    def scatter(self) -> Array:
        """(D, D): the sum of ``(x - mean) (x - mean)^T`` over the samples."""
        return self._upper + np.triu(self._upper, 1).T

    def covariance(self, ddof: int = 1) -> Array:
        """(D, D), the scatter by ``count - ddof``; there must be more than ``ddof`` samples."""
        return self.scatter / (self.count - ddof)

    def upper_covariance(self, ddof: int = 1) -> Array:
        """Its upper triangle, 0 below, in Fortran's order: all that LAPACK reads."""
        return self._upper / (self.count - ddof)

    def _move(self, count: int, mean: Array) -> None:
        """To the common mean with ``count`` samples of another; their own scatter is still to be added."""
        total, offset = self.count + count, mean - self.mean
        if self.count:
            self._upper = blas.dsyr(self.count * count / total, offset, a=self._upper, overwrite_a=1)
        self.mean = self.mean + offset * (count / total)
        self.count = total
