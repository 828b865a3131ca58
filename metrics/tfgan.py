"""TF-GAN's Fréchet distance, rounding and all: what published numbers computed with it, or with its ports, contain.

Its square root of a symmetric matrix takes the root of singular values of at least 1e-10 alone, whatever their scale
(``tensorflow_gan/python/eval/classifier_metrics.py``). TF-GAN computes in float64. Ports to torch compute in float32,
where rounding is far above 1e-10: directions with little variance get its square root instead of theirs, and other
libraries or devices give other numbers, from the fifth digit on where all directions vary alike, from the third where
they do not. So it is torch that computes here, as in the ports.
"""

from typing import TYPE_CHECKING, Literal

from vidgauge.errors import UsageError
from vidgauge.metrics.arrays import CheckedRows

if TYPE_CHECKING:
    from torch import Tensor, dtype

Precision = Literal["float32", "float64"]

_EPSILON = 1e-10


def tfgan_distance(a_nd: CheckedRows, b_nd: CheckedRows, precision: Precision) -> float:
    """Fréchet distance of features (N, D) and (M, D), N and M at least 2, with every step in the given precision.

    Sums go block by block: of more samples than a block holds, the last digits are not those of one matrix product.

    Raises:
        UsageError: for features whose squares overflow that precision.
    """
    import torch

    (mean_a, cov_a), (mean_b, cov_b) = (_moments(rows, getattr(torch, precision)) for rows in (a_nd, b_nd))
    if not (cov_a.isfinite().all() and cov_b.isfinite().all()):
        raise UsageError(f"the squares of features overflow {precision}; choose another convention")
    root_a = _root(cov_a)
    traces = (cov_a + cov_b).trace() - 2 * _root(root_a @ (cov_b @ root_a)).trace()
    return float(traces + (mean_a - mean_b).square().sum())


def _moments(rows_nd: CheckedRows, precision: "dtype") -> "tuple[Tensor, Tensor]":
    import torch

    n, dimension = rows_nd.shape
    mean, scatter = torch.zeros(dimension, dtype=precision), torch.zeros(dimension, dimension, dtype=precision)
    for _, block in rows_nd.blocks():
        mean += torch.from_numpy(block).to(precision).sum(dim=0)
    mean /= n
    for _, block in rows_nd.blocks():
        centred = torch.from_numpy(block).to(precision) - mean
        scatter += centred.T @ centred
    return mean, scatter / (n - 1)


def _root(symmetric: "Tensor") -> "Tensor":
    import torch

    left, values, right = torch.linalg.svd(symmetric)
    # Left and right vectors of a zero need not agree in sign: its rounding may add to the trace or take from it.
    root: Tensor = left @ torch.diag(torch.where(values < _EPSILON, values, values.sqrt())) @ right
    return root
