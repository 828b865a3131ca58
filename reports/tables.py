"""``table``: records as tables in the format of your choice."""

from collections.abc import Iterable
from typing import Literal, get_args

from vidgauge.errors import UsageError, near_misses
from vidgauge.record import Record
from vidgauge.reports.comparison import compare

Format = Literal["markdown", "latex", "html", "csv"]


def table(records: Iterable[Record], format: Format = "markdown") -> str:  # noqa: A002 - a public name of the design
    """Print records as tables: one for each kind of subject, one for each benchmark suite.

    Values are marked best only among records with the same protocol fingerprint and the same task and, for time and
    memory, the same environment. Records without a value are rows with the reason.

    Args:
        records: any iterable of records, such as a ``Store``.
        format: ``markdown``, ``latex`` (booktabs), ``html`` (fragments of a page) or ``csv`` (one line a value).

    Returns:
        The text, which ends with a newline.

    Raises:
        UsageError: if there are no records, or no such format.
    """
    if format not in get_args(Format):
        raise UsageError(f"there is no table format {format!r}; {near_misses(str(format), list(get_args(Format)))}")
    tables = compare(records)
    if not tables:
        raise UsageError("no records, so no table; measure something first, with 'vidgauge profile' or 'score'")
    if format == "markdown":
        from vidgauge.reports.markdown import write_markdown as write
    elif format == "latex":
        from vidgauge.reports.latex import write_latex as write
    elif format == "html":
        from vidgauge.reports.html import write_html as write
    else:
        from vidgauge.reports.csv import write_csv as write
    return write(tables)
