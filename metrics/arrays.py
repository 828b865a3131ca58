"""Arrays as the statistics take them: float64, of the right rank, and finite."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidgauge.errors import UsageError

Array = NDArray[np.float64]


def checked(values: ArrayLike, what: str, rank: int) -> Array:
    """The values in float64, if they have that many axes and are finite; a UsageError that names them if not."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != rank:
        raise UsageError(f"{what} must have {rank} axes; the shape is {array.shape}")
    if not np.isfinite(array).all():
        raise UsageError(f"{what} hold NaN or infinity; check what made them")
    return array
