"""Tables as a DataFrame and as Parquet: one row a value, with types."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vidgauge.reports.comparison import Table
from vidgauge.reports.lines import FIELDS, lines
from vidgauge.store import to_parquet

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = dict.fromkeys(("value", "low", "high", "level"), "float64") | {"place": "Int64"}


def write_frame(tables: Sequence[Table]) -> "pd.DataFrame":
    """A row a value; missing numbers are NaN, a missing place is NA, and times are UTC."""
    import pandas as pd

    return pd.DataFrame(lines(tables), columns=list(FIELDS)).astype(_NUMBERS)


def write_parquet(tables: Sequence[Table]) -> bytes:
    """The same as the bytes of a Parquet file.

    Raises:
        VidgaugeError: where pyarrow, of the extra ``parquet``, is not installed.
    """
    return to_parquet(write_frame(tables))
