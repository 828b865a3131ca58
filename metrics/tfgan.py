"""TF-GAN's Fréchet distance, rounding and all: what published numbers computed with it, or with its ports, contain.

Its square root of a symmetric matrix takes the root of singular values of at least 1e-10 alone, whatever their scale
(``tensorflow_gan/python/eval/classifier_metrics.py``). TF-GAN computes in float64; ports to torch in float32, where
with fewer samples than dimensions the rounding of zeros is above 1e-10, and the distance comes out too small.
"""

import numpy as np
from numpy.typing import NDArray

from vidgauge.errors import UsageError
from vidgauge.metrics.arrays import Array

_EPSILON = 1e-10

Matrix = NDArray[np.floating]


def tfgan_distance(a_nd: Array, b_nd: Array, precision: type[np.floating]) -> float:
    """Fréchet distance of features (N, D) and (M, D), N and M at least 2, with every step in the given precision.

    Raises:
        UsageError: for features whose squares overflow that precision.
    """
    (mean_a, cov_a), (mean_b, cov_b) = (_moments(features.astype(precision)) for features in (a_nd, b_nd))
    root_a = _root(cov_a)
    traces = np.trace(cov_a + cov_b) - 2 * np.trace(_root(root_a @ (cov_b @ root_a)))
    return float(traces + ((mean_a - mean_b) ** 2).sum())


def _moments(features_nd: Matrix) -> tuple[Matrix, Matrix]:
    mean = features_nd.mean(axis=0)
    centred = features_nd - mean
    with np.errstate(over="ignore", invalid="ignore"):
        covariance = centred.T @ centred / (len(centred) - 1)
    if not np.isfinite(covariance).all():
        raise UsageError(f"the squares of features overflow {features_nd.dtype}; choose a convention in float64")
    return mean, covariance


def _root(symmetric: Matrix) -> Matrix:
    left, values, right = np.linalg.svd(symmetric)
    # Left and right vectors of a zero need not agree in sign: its rounding may add to the trace or take from it.
    root: Matrix = (left * np.where(values < _EPSILON, values, np.sqrt(values))) @ right
    return root
