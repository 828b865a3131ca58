"""``table``: records as tables in the format of your choice."""

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Literal, Unpack, get_args, overload

from vidgauge.errors import UsageError, near_misses
from vidgauge.record import Record
from vidgauge.reports.choice import Choice, Wanted
from vidgauge.reports.comparison import Table, compare

if TYPE_CHECKING:
    import pandas as pd

Text = Literal["markdown", "latex", "html", "csv"]
Format = Literal[Text, "parquet", "dataframe"]
TEXTS: tuple[Text, ...] = get_args(Text)

_WRITERS = {
    "markdown": ("markdown", "write_markdown"),
    "latex": ("latex", "write_latex"),
    "html": ("html", "write_html"),
    "csv": ("csv", "write_csv"),
    "parquet": ("frames", "write_parquet"),
    "dataframe": ("frames", "write_frame"),
}
"""Module and function of each format, imported when asked for: jinja2 and pandas take their time."""


@overload
def table(records: Iterable[Record], format: Text = "markdown", **wanted: Unpack[Wanted]) -> str: ...
@overload
def table(records: Iterable[Record], format: Literal["parquet"], **wanted: Unpack[Wanted]) -> bytes: ...
@overload
def table(records: Iterable[Record], format: Literal["dataframe"], **wanted: Unpack[Wanted]) -> "pd.DataFrame": ...
def table(
    records: Iterable[Record],
    format: Format = "markdown",  # noqa: A002 - a public name of the design
    **wanted: Unpack[Wanted],
) -> "str | bytes | pd.DataFrame":
    """Print records as tables: one for each kind of subject, one for each benchmark suite.

    Values are marked best and second only among records with the same protocol fingerprint and the same task and, for
    time and memory, the same environment. Records without a value are rows with the reason.

    Args:
        records: any iterable of records, such as a ``Store``.
        format: ``markdown``, ``latex`` (booktabs) or ``html`` (fragments of a page); or one line a value, at full
            precision and in the record's own unit, as ``csv``, ``parquet`` or ``dataframe``.
        wanted: names or shell patterns, one or several, of what the table shows; all of it unless told. ``measures``,
            such as ``["fvd", "is"]``, and ``protocols``, such as ``"fvd.*"``, choose columns, ``subjects`` (systems,
            layers, folders of videos) and ``suites`` (of benchmarks) choose rows; the order is that of the names.

    Returns:
        The text, which ends with a newline; of ``parquet`` the bytes of a file, of ``dataframe`` a pandas DataFrame.

    Raises:
        UsageError: if there are no records or no such format, or where nothing has a name that was asked for.
        VidgaugeError: for ``parquet`` where pyarrow is not installed.
    """
    write = writer(format)
    tables = compare(records, Choice.of(**wanted))
    if not tables:
        raise UsageError("no records, so no table; measure something first, with 'vidgauge profile' or 'score'")
    return write(tables)


def writer(name: str) -> "Callable[[Sequence[Table]], str | bytes | pd.DataFrame]":
    """The function that writes tables in this format.

    Raises:
        UsageError: if there is no such format.
    """
    if name not in _WRITERS:
        raise UsageError(f"there is no table format {name!r}; {near_misses(str(name), list(get_args(Format)))}")
    module, function = _WRITERS[name]
    found: Callable[[Sequence[Table]], str | bytes | pd.DataFrame] = getattr(
        import_module(f"vidgauge.reports.{module}"), function
    )
    return found
