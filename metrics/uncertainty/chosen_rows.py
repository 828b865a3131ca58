"""Some samples of a set, still where they lie."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgauge.metrics.statistic import Rows


class ChosenRows:
    """Samples of a set by their positions, as rows of their own.

    Args:
        rows: all samples.
        positions: (n,) which of them, in rising order, so that a disk is read in its own order.
    """

    def __init__(self, rows: Rows, positions: NDArray[np.intp]) -> None:
        self._rows, self._positions = rows, positions
        self.shape: tuple[int, ...] = (len(positions), *rows.shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: slice) -> NDArray[Any]:
        wanted = self._positions[part]
        if len(wanted) == 0:
            return self._rows[0:0]
        first = int(wanted[0])
        return np.asarray(self._rows[first : int(wanted[-1]) + 1][wanted - first])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: ANN401 - NumPy's
        return np.asarray(self[:], dtype)
