"""The Fréchet distance between two Gaussians: exact, in float64, without a general matrix square root.

``|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a^1/2 C_b C_a^1/2)^1/2)``  (Dowson and Landau 1982; for video: Unterthiner et al.,
arXiv 1812.01717). With ``C_a = R_a^T R_a`` and ``C_b = R_b^T R_b`` the trace of the root is the nuclear norm of
``R_a R_b^T``, whatever the factors: centred samples where they are fewer than dimensions, Cholesky factors where they
exist, else eigenvectors. The popular ``sqrtm(C_a @ C_b)`` is avoided: with fewer samples than dimensions the product is
singular and not symmetric, and some SciPy versions then return numbers that are wrong by orders of magnitude.
"""

from functools import cached_property, reduce
from operator import iadd
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import blas, lapack

from vidgauge.errors import UsageError, near_misses
from vidgauge.metrics.arrays import LARGEST, Array, CheckedRows, checked, checked_counts, checked_row_pair
from vidgauge.metrics.moments import Moments
from vidgauge.metrics.tfgan import Precision, tfgan_distance

if TYPE_CHECKING:
    from vidgauge.metrics.statistic import Rows

FrechetConvention = Literal["ddof-1", "ddof-0", "ridge-1e-6", "tfgan", "tfgan-float32"]
"""The ways in which published code goes from features to a distance. `CONVENTIONS` says what each is."""


class Convention(NamedTuple):
    """One way from features to a distance."""

    used_by: str
    ddof: int = 1
    """Subtracted from the number of samples in the covariance."""
    ridge: float = 0.0
    """Added to the diagonal of both covariances."""
    tfgan: Precision | None = None
    """The precision in which TF-GAN's recursion is followed, rounding and all; None for the exact distance."""


CONVENTIONS: dict[FrechetConvention, Convention] = {
    "ddof-1": Convention("pytorch-fid, clean-fid, torch-fidelity, torchmetrics"),
    "ddof-0": Convention("StyleGAN-V, StyleGAN2-ADA, cd-fvd", ddof=0),
    "ridge-1e-6": Convention("FastVideo", ridge=1e-6),
    "tfgan": Convention("TF-GAN: the first FVD and MAGVIT", tfgan="float64"),
    "tfgan-float32": Convention("TF-GAN's recursion in torch: VideoGPT, TATS, DIGAN", tfgan="float32"),
}

_EPSILON = float(np.finfo(np.float64).eps)
_BLOCK = 2048  # rows that are weighted at a time: few enough to take little memory, and enough for BLAS
_STRIP = 64  # columns
_RANK = 1e-12  # of the largest variance: what a factor of lower rank may leave out
_DEFINITE = 1e-10  # of squared pivots: a Cholesky factor with smaller ones has lost digits that eigenvectors keep
_ROUNDING = 1e-10  # of the traces: what a root by symmetric eigenvalues may be wrong by; ten times less is usual


def frechet_distance(mean_a: ArrayLike, cov_a: ArrayLike, mean_b: ArrayLike, cov_b: ArrayLike) -> float:
    """Squared Fréchet distance between N(mean_a, cov_a) and N(mean_b, cov_b).

    Args:
        mean_a: (D,) mean, any real dtype; computed in float64. So is ``mean_b``.
        cov_a: (D, D) covariance, symmetric and positive semi-definite up to rounding, singular or not. So is ``cov_b``.
            Inputs are not changed.

    Returns:
        The distance, at least 0 up to rounding: 1e-11 of the covariances' traces, 1e-8 where one is singular. From few
        samples `frechet_distance_of_features` is exact to 1e-11 too: it never forms a singular covariance.

    Raises:
        UsageError: for shapes that do not match, NaN or infinity, or a covariance that is not symmetric or has a
            negative eigenvalue beyond rounding.
    """
    means = [checked(mean, "mean", 1) for mean in (mean_a, mean_b)]
    covariances = [checked(covariance, "covariance", 2, LARGEST**2) for covariance in (cov_a, cov_b)]
    dimension = len(means[0])
    shapes = [array.shape for array in (*means, *covariances)]
    if dimension == 0 or shapes != [(dimension,)] * 2 + [(dimension, dimension)] * 2:
        raise UsageError(f"frechet_distance needs means (D,) and covariances (D, D) of one D; the shapes are {shapes}")
    a, b = (_Gaussian(mean, covariance=_upper(cov)) for mean, cov in zip(means, covariances, strict=True))
    return _distance(a, b)


def frechet_distance_of_features(
    a_nd: "ArrayLike | Rows", b_nd: "ArrayLike | Rows", *, convention: FrechetConvention = "ddof-1"
) -> float:
    """Fréchet distance between the Gaussians fitted to two sets of features.

    Args:
        a_nd: (N, D) features, any real dtype, in memory or on a disk; ``b_nd`` is (M, D). Inputs are not changed.
        convention: which published code's number; one of `CONVENTIONS`.

    Raises:
        UsageError: for wrong shapes, NaN or infinity, no more than ``ddof`` samples, or an unknown convention.
    """
    return FrechetDistance(a_nd, b_nd, convention=convention)()


class FrechetDistance:
    """The distance between two sets of features, as a function of how often each sample counts.

    Features are read block by block and not kept, unless counts are given: then they are held in float64. Calls may
    run in several threads at once.

    Raises:
        UsageError: for wrong shapes or an unknown convention; when features are read, for NaN or infinity.
    """

    def __init__(
        self, a_nd: "ArrayLike | Rows", b_nd: "ArrayLike | Rows", *, convention: FrechetConvention = "ddof-1"
    ) -> None:
        if convention not in CONVENTIONS:
            raise UsageError(
                f"no convention {convention!r}; {near_misses(str(convention), list(get_args(FrechetConvention)))}"
            )
        self._tfgan = CONVENTIONS[convention].tfgan
        self._rows = checked_row_pair(a_nd, b_nd)
        self._sets = [_Samples(rows, CONVENTIONS[convention]) for rows in self._rows]

    def __call__(self, *counts: ArrayLike) -> float:
        """The distance when sample i of the first set counts ``counts[0][i]`` times, and so on; once if none are given.

        Where anything is counted, TF-GAN's conventions give the exact distance: their rounding is part of a published
        number, not of its spread, and would cost a resampling ten times the time.
        """
        if counts:
            return _distance(*(samples.counted(of_set) for samples, of_set in zip(self._sets, counts, strict=True)))
        if self._tfgan:
            for samples in self._sets:
                samples.check(len(samples.rows))
            return tfgan_distance(*self._rows, self._tfgan)
        return _distance(*(samples.gaussian for samples in self._sets))

    def influences(self) -> tuple[Array, Array]:
        """For each set (N,): the derivative of the distance by how often each sample counts, where all count once.

        Of the exact distance, under TF-GAN's conventions too. One more pass over the features. Where the distance has
        no derivative (the sets lie in directions that have nothing in common), that of its smooth part.

        With n samples a covariance ``C = S / (n - ddof)`` changes by ``((x - m) (x - m)^T - C) / (n - ddof)`` as one of
        them counts more, the mean by ``(x - m) / n``; and the distance changes with ``C_a`` by ``I - T_a``, where
        ``T_a = C_a^-1/2 (C_a^1/2 C_b C_a^1/2)^1/2 C_a^-1/2`` transports a to b (``T_a C_a T_a = C_b``). Hence

            2 (m_a - m_b) . (x - m_a) / n + (q(x) - sum of all q / (n - ddof)) / (n - ddof),
            q(x) = |x - m_a|^2 - |W_a^T (x - m_a)|^2,  W_a W_a^T = T_a
        """
        a, b = self._sets
        offset = a.gaussian.mean - b.gaussian.mean
        transport_a, transport_b = _transports(a.gaussian, b.gaussian)
        return a.influence(offset, transport_a), b.influence(-offset, transport_b)


class _Samples:
    """One of the two sets: its Gaussian, and that of any resampling."""

    def __init__(self, rows_nd: CheckedRows, convention: Convention) -> None:
        self.rows = rows_nd
        self._ddof, self._ridge = convention.ddof, convention.ridge

    def check(self, total: float) -> None:
        if total <= self._ddof:
            raise UsageError(
                f"a covariance with ddof={self._ddof} needs at least {self._ddof + 1} samples; there are {total:g}"
            )

    @cached_property
    def gaussian(self) -> "_Gaussian":
        n = len(self.rows)
        self.check(n)
        if self._few(n):
            return self._of_rows(self.rows[0:n], np.ones(n))
        moments = Moments.of(self.rows)
        return self._of_covariance(moments.mean, moments.upper_covariance(self._ddof))

    def counted(self, counts: ArrayLike) -> "_Gaussian":
        counts_n = checked_counts(counts, len(self.rows))
        total = float(counts_n.sum())
        self.check(total)
        kept = np.flatnonzero(counts_n)
        if self._few(len(kept)):
            return self._of_rows(self._in_memory.take(kept, axis=0), counts_n[kept])
        mean = counts_n @ self._in_memory / total
        weights = np.sqrt(counts_n / (total - self._ddof))[:, None]

        def squared(chosen: NDArray[np.intp]) -> Array:
            rows = self._in_memory.take(chosen, axis=0)
            rows -= mean
            rows *= weights[chosen]
            # Not SciPy's dsyrk, which keeps the interpreter's lock: replicates are computed in several threads.
            return rows.T @ rows

        blocks = (kept[start : start + _BLOCK] for start in range(0, len(kept), _BLOCK))
        return self._of_covariance(mean, reduce(iadd, map(squared, blocks)).T)

    def influence(self, offset: Array, transport: Array) -> Array:
        """By `FrechetDistance.influences`, given ``m_a - m_b`` and ``W_a``."""
        n = len(self.rows)
        slopes, stretches = np.empty(n), np.empty(n)
        for part, block in self.rows.blocks():
            centred = block - self.gaussian.mean
            slopes[part] = 2 / n * (centred @ offset)
            stretches[part] = _squares(centred) - _squares(centred @ transport)
        degrees = n - self._ddof
        influence: Array = slopes + (stretches - stretches.sum() / degrees) / degrees
        return influence

    @cached_property
    def _in_memory(self) -> Array:
        return self.rows[0 : len(self.rows)]

    def _few(self, n: int) -> bool:
        return n <= self.rows.shape[1] and not self._ridge

    def _of_rows(self, rows_nd: Array, counts_n: Array) -> "_Gaussian":
        total = counts_n.sum()
        mean = counts_n @ rows_nd / total
        weights = np.sqrt(counts_n / (total - self._ddof))
        rows = (rows_nd - mean) * weights[:, None]
        # Centred rows depend on each other, weights @ rows = 0: a reflection that makes the first one 0 leaves others
        # that do not, and R^T R as it is.
        towards = weights / np.linalg.norm(weights)
        return _Gaussian(mean, rows=rows[1:] - np.outer(towards[1:] / (1 + towards[0]), rows[0]))

    def _of_covariance(self, mean: Array, covariance: Array) -> "_Gaussian":
        covariance[np.diag_indices_from(covariance)] += self._ridge
        return _Gaussian(mean, covariance=covariance)


class _Gaussian:
    """A mean, and a covariance: the upper triangle of its matrix, or rows R, at most D, with R^T R that matrix."""

    def __init__(self, mean: Array, *, covariance: Array | None = None, rows: Array | None = None) -> None:
        self.mean, self.covariance, self._rows = mean, covariance, rows

    @property
    def trace(self) -> float:
        if self.covariance is not None:
            return float(np.trace(self.covariance))
        return float(np.sum(self.factor**2))

    @cached_property
    def cholesky(self) -> Array | None:
        """The upper factor, if the covariance is given and well away from singular."""
        if self.covariance is None:
            return None
        factor, failed = lapack.dpotrf(self.covariance, lower=0, clean=1)
        pivots = np.diag(factor) ** 2
        return None if failed or pivots.min() <= _DEFINITE * pivots.max() else factor

    @cached_property
    def factor(self) -> Array:
        """R, at most D rows, with R^T R the covariance."""
        if self._rows is not None:
            return self._rows
        if self.cholesky is not None:
            return self.cholesky
        assert self.covariance is not None
        if (pivoted := _pivoted(self.covariance)) is not None:
            return pivoted
        values, vectors = np.linalg.eigh(self.covariance, UPLO="U")
        largest = np.abs(values).max()
        if values[0] < -1e-5 * largest:
            raise UsageError(f"a covariance has the eigenvalue {values[0]:.3g}; none may be below 0")
        kept = values > len(values) * _EPSILON * largest  # what is below is rounding of zero
        return np.asarray((vectors[:, kept] * np.sqrt(values[kept])).T)


def _pivoted(covariance: Array) -> Array | None:
    """R with R^T R the covariance, of which the upper triangle is given; None where that does not come out.

    Cholesky's factor with pivots ends at the rank of a singular covariance, in a tenth of the time of eigenvectors.
    """
    upper, pivots, rank, failed = lapack.dpstrf(covariance, lower=0)
    if failed < 0:
        return None
    factor = np.zeros((rank, len(covariance)))
    factor[:, pivots - 1] = np.triu(upper)[:rank]
    # What is left out is where no pivot was: all of it, were the covariance not positive semi-definite.
    rest = pivots[rank:] - 1
    known = covariance[np.minimum.outer(rest, rest), np.maximum.outer(rest, rest)]
    missing = np.abs(known - factor[:, rest].T @ factor[:, rest])
    return factor if missing.max(initial=0) <= _RANK * np.diag(covariance).max() else None


def _distance(a: _Gaussian, b: _Gaussian) -> float:
    offset, traces = a.mean - b.mean, a.trace + b.trace
    return float(offset @ offset + traces - 2 * _trace_of_root(a, b, _ROUNDING * traces))


def _trace_of_root(a: _Gaussian, b: _Gaussian, tolerance: float) -> float:
    """The nuclear norm of ``R_a R_b^T``, from its square where that keeps the digits: three times faster."""
    square = _square(a, b)
    if square is None and a.covariance is not None and b.covariance is not None:
        # A zero eigenvalue of a covariance is known to epsilon of the largest, and no root to more than its root.
        values = np.linalg.eigvalsh(_within(a.factor, b.covariance), UPLO="U")
        return float(np.sqrt(np.maximum(values, 0)).sum())
    if square is None:
        product = a.factor @ b.factor.T
        if not product.size:
            return 0.0
        # P P^T or P^T P, whichever is smaller; transposed views are in the order that BLAS reads without a copy.
        square = blas.dsyrk(1.0, product.T, trans=int(product.shape[0] <= product.shape[1]))
    values = np.linalg.eigvalsh(square, UPLO="U")
    # An eigenvalue is wrong by epsilon of the largest, its root by the more the smaller it is.
    roots = np.sqrt(np.maximum(values, _EPSILON * values[-1]))
    if values[0] > 0 and _EPSILON * values[-1] * np.sum(0.5 / roots) < tolerance:
        return float(roots.sum())
    return float(np.linalg.svd(a.factor @ b.factor.T, compute_uv=False).sum())


def _transports(a: _Gaussian, b: _Gaussian) -> tuple[Array, Array]:
    """``W_a`` and ``W_b``, (D, K), with ``W_a W_a^T`` the map that takes a to b, and the reverse.

    With ``R_a R_b^T = U S V^T`` these maps are ``R_b^T V S^-1 V^T R_b`` and ``R_a^T U S^-1 U^T R_a``, of which the
    first is ``R_a^-1 U S U^T R_a^-T`` where the inverse exists.
    """
    square = _square(a, b)
    if square is not None and a.cholesky is not None:
        values, left = np.linalg.eigh(square, UPLO="U")
        if values[0] > _DEFINITE * values[-1]:
            roots = values**0.25
            return scipy.linalg.solve_triangular(a.cholesky, left * roots), a.cholesky.T @ (left / roots)
    left, values, right = np.linalg.svd(a.factor @ b.factor.T, full_matrices=False)
    kept = values > values.max(initial=0) * max(left.shape[0], right.shape[1]) * _EPSILON
    roots = np.sqrt(values[kept])
    return b.factor.T @ (right[kept].T / roots), a.factor.T @ (left[:, kept] / roots)


def _square(a: _Gaussian, b: _Gaussian) -> Array | None:
    """The upper triangle of ``R_a C_b R_a^T``, whose eigenvalues are the squared singular values of ``R_a R_b^T``."""
    if a.cholesky is None or b.covariance is None:
        return None
    square, _ = lapack.dsygst(b.covariance, a.cholesky, itype=2, lower=0)
    return np.asarray(square)


def _within(factor: Array, covariance: Array) -> Array:
    """The upper triangle of ``R C R^T``: with the halves ``C = T + T^T`` it takes two thirds of the operations."""
    half = np.array(covariance, order="F")
    half[np.diag_indices_from(half)] /= 2
    return np.asarray(blas.dsyr2k(1.0, factor.T, blas.dtrmm(1.0, half, factor.T), trans=1))


def _upper(covariance: Array) -> Array:
    """The upper triangle in Fortran's order, of the mean with the transposed: a strip at a time, as caches like it."""
    lower: Array = np.zeros_like(covariance, order="C")
    asymmetry = 0.0
    for start in range(0, len(covariance), _STRIP):
        strip = slice(start, start + _STRIP)
        below, beside = covariance[start:, strip], covariance[strip, start:].T
        asymmetry = max(asymmetry, np.abs(below - beside).max())
        lower[start:, strip] = (below + beside) / 2
    if asymmetry > 1e-6 * max(covariance.max(), -covariance.min()):
        raise UsageError("frechet_distance needs symmetric covariances; one of the two is not")
    return lower.T


def _squares(rows_nd: Array) -> Array:
    return np.asarray(np.einsum("nd,nd->n", rows_nd, rows_nd))
