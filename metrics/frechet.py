"""The Fréchet distance between two Gaussians: exact, in float64, without a general matrix square root.

``|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a^1/2 C_b C_a^1/2)^1/2)``  (Dowson and Landau 1982; for video: Unterthiner et al.,
arXiv 1812.01717). With ``C_a = R_a^T R_a`` and ``C_b = R_b^T R_b`` the trace of the root is the nuclear norm of
``R_a R_b^T``, whatever the factors: centred samples where they are fewer than dimensions, Cholesky factors where they
exist, else eigenvectors. The popular ``sqrtm(C_a @ C_b)`` is avoided: with fewer samples than dimensions the product is
singular and not symmetric, and some SciPy versions then return numbers that are wrong by orders of magnitude.
"""

from typing import Literal, NamedTuple, get_args

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from vidgauge.errors import UsageError, near_misses
from vidgauge.metrics.arrays import LARGEST, Array, checked, checked_counts, checked_pair
from vidgauge.metrics.tfgan import Precision, tfgan_distance

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

_BLOCK = 1024
_DEFINITE = 1e-10  # of squared pivots: a Cholesky factor with smaller ones has lost digits that eigenvectors keep


def frechet_distance(mean_a: ArrayLike, cov_a: ArrayLike, mean_b: ArrayLike, cov_b: ArrayLike) -> float:
    """Squared Fréchet distance between N(mean_a, cov_a) and N(mean_b, cov_b).

    Args:
        mean_a: (D,) mean, any real dtype; computed in float64. So is ``mean_b``.
        cov_a: (D, D) covariance, symmetric and positive semi-definite up to rounding, singular or not. So is ``cov_b``.
            Inputs are not changed.

    Returns:
        The distance, at least 0 up to rounding: 1e-14 of the covariances' traces, 1e-8 where one is singular. From few
        samples `frechet_distance_of_features` is exact to 1e-14 too: it never forms a singular covariance.

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
    for covariance in covariances:
        if np.abs(covariance - covariance.T).max() > 1e-6 * np.abs(covariance).max():
            raise UsageError("frechet_distance needs symmetric covariances; one of the two is not")
    a, b = (
        _Gaussian(mean, *_factor((covariance + covariance.T) / 2))
        for mean, covariance in zip(means, covariances, strict=True)
    )
    return _distance(a, b)


def frechet_distance_of_features(
    a_nd: ArrayLike, b_nd: ArrayLike, *, convention: FrechetConvention = "ddof-1"
) -> float:
    """Fréchet distance between the Gaussians fitted to two sets of features.

    Args:
        a_nd: (N, D) features, any real dtype; ``b_nd`` is (M, D). Inputs are not changed.
        convention: which published code's number; one of `CONVENTIONS`.

    Raises:
        UsageError: for wrong shapes, NaN or infinity, no more than ``ddof`` samples, or an unknown convention.
    """
    return FrechetDistance(a_nd, b_nd, convention=convention)()


class FrechetDistance:
    """The distance between two sets of features, as a function of how often each sample counts."""

    def __init__(self, a_nd: ArrayLike, b_nd: ArrayLike, *, convention: FrechetConvention = "ddof-1") -> None:
        if convention not in CONVENTIONS:
            raise UsageError(
                f"no convention {convention!r}; {near_misses(str(convention), list(get_args(FrechetConvention)))}"
            )
        self._convention = CONVENTIONS[convention]
        self._a, self._b = checked_pair(a_nd, b_nd)

    def __call__(self, counts_a: ArrayLike | None = None, counts_b: ArrayLike | None = None) -> float:
        """The distance when sample i counts ``counts_a[i]`` times (once if not given), and likewise for b.

        Where anything is counted, TF-GAN's conventions give the exact distance: their rounding is part of a published
        number, not of its spread, and would cost a resampling ten times the time.
        """
        a, b = (
            self._fit(features, checked_counts(counts, len(features)))
            for features, counts in ((self._a, counts_a), (self._b, counts_b))
        )
        if self._convention.tfgan and counts_a is None and counts_b is None:
            return tfgan_distance(self._a, self._b, self._convention.tfgan)
        return _distance(a, b)

    def _fit(self, features_nd: Array, counts_n: Array) -> "_Gaussian":
        total, dimension = counts_n.sum(), features_nd.shape[1]
        ddof, ridge = self._convention.ddof, self._convention.ridge
        if total <= ddof:
            raise UsageError(f"a covariance with ddof={ddof} needs at least {ddof + 1} samples; there are {total:g}")
        mean = counts_n @ features_nd / total
        weights, kept = np.sqrt(counts_n / (total - ddof))[:, None], np.flatnonzero(counts_n)
        if len(kept) <= dimension and not ridge:
            return _Gaussian(mean, (features_nd[kept] - mean) * weights[kept], definite=False)
        covariance = ridge * np.eye(dimension)
        for start in range(0, len(kept), _BLOCK):  # in blocks: whatever N, little memory
            block = kept[start : start + _BLOCK]
            rows = (features_nd[block] - mean) * weights[block]
            covariance += rows.T @ rows
        return _Gaussian(mean, *_factor(covariance))


class _Gaussian(NamedTuple):
    mean: Array
    factor: Array
    """R, at most D rows, with R^T R the covariance."""
    definite: bool
    """Whether R is a Cholesky factor, so that the covariance is well away from singular."""


def _distance(a: _Gaussian, b: _Gaussian) -> float:
    offset = a.mean - b.mean
    traces = np.sum(a.factor**2) + np.sum(b.factor**2)
    return float(offset @ offset + traces - 2 * _nuclear_norm(a.factor @ b.factor.T, a.definite and b.definite))


def _nuclear_norm(product: Array, definite: bool) -> float:
    if product.size == 0:
        return 0.0
    if not definite:
        return float(scipy.linalg.svdvals(product).sum())
    # Squaring halves the digits of small singular values alone, and there are none: the symmetric solve is 3x faster.
    return float(np.sqrt(np.clip(scipy.linalg.eigvalsh(product @ product.T), 0, None)).sum())


def _factor(covariance: Array) -> tuple[Array, bool]:
    """R with R^T R the covariance, and whether it is a Cholesky factor in good health."""
    try:
        factor = scipy.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        pass
    else:
        pivots = np.diag(factor) ** 2
        if pivots.min() > _DEFINITE * pivots.max():
            return factor, True
    values, vectors = scipy.linalg.eigh(covariance)
    largest = np.abs(values).max()
    if values[0] < -1e-5 * largest:
        raise UsageError(f"a covariance has the eigenvalue {values[0]:.3g}; none may be below 0")
    kept = values > len(values) * np.finfo(np.float64).eps * largest  # what is below is rounding of zero
    return np.asarray((vectors[:, kept] * np.sqrt(values[kept])).T), False
