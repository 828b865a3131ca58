"""How far raters agree beyond chance: Krippendorff's alpha."""

import numpy as np
from numpy.typing import NDArray

REPLICATES = 2000
FEWEST_UNITS = 10
"""Below that there is no interval."""


def krippendorff_alpha(counts_uv: NDArray[np.int64]) -> float:
    """Krippendorff's alpha for names without order: 1 is full agreement, 0 what chance gives, ``nan`` undefined.

    Units may have any number of raters; those with fewer than two say nothing of agreement (Krippendorff, "Computing
    Krippendorff's Alpha-Reliability", 2011, section C).

    Args:
        counts_uv: how many raters gave each unit (row) each value (column).
    """
    return float(_alpha(*_parts(counts_uv)))


def alpha_interval(counts_uv: NDArray[np.int64], level: float, seed: int = 0) -> tuple[float, float] | None:
    """The percentile bootstrap's interval, where units are drawn anew; None where there are fewer than ten."""
    observed_u, totals_uv = _parts(counts_uv)
    units = len(totals_uv)
    if units < FEWEST_UNITS:
        return None
    weights_ru = np.random.default_rng(seed).multinomial(units, np.full(units, 1 / units), size=REPLICATES)
    drawn = [_alpha(weights_u * observed_u, weights_u[:, None] * totals_uv) for weights_u in weights_ru]
    low, high = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _parts(counts_uv: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each unit with two raters or more: its observed disagreement, and its values."""
    shared_uv = counts_uv[counts_uv.sum(1) > 1].astype(np.float64)
    totals_u = shared_uv.sum(1)
    return (totals_u**2 - (shared_uv**2).sum(1)) / (totals_u - 1), shared_uv


def _alpha(observed_u: NDArray[np.float64], totals_uv: NDArray[np.float64]) -> float:
    values_v = totals_uv.sum(0)
    n = values_v.sum()
    expected = n**2 - (values_v**2).sum()
    return float(1 - (n - 1) * observed_u.sum() / expected) if expected else float("nan")
