"""``paper_table``: published and measured rows together, in the shape of a paper's table."""

from collections.abc import Iterable
from typing import Unpack

from vidgauge.errors import UsageError, near_misses
from vidgauge.record import Record
from vidgauge.reports.choice import Choice, Wanted
from vidgauge.reports.papers import PAPERS
from vidgauge.reports.published_records import published_records
from vidgauge.reports.tables import TEXTS, Text, writer


def paper_table(
    name: str,
    records: Iterable[Record] = (),
    format: Text = "markdown",  # noqa: A002 - as of ``table``
    *,
    unverified: bool = False,
    **wanted: Unpack[Wanted],
) -> str:
    """Print a table in the shape of a paper's, with what you measured below what papers say.

    Nothing published is marked best or second; measured rows are, among those with the same protocol fingerprint and
    task. Every number has a footnote that says where it is from, and under which protocol.

    Args:
        name: which table; ``vidgauge list tables`` lists them.
        records: what you measured, such as a ``Store``; without any, the table has the published rows alone.
        format: ``markdown``, ``latex`` (booktabs), ``html`` (a fragment of a page) or ``csv`` (one line a value).
        unverified: also published numbers that nobody has checked against their paper.
        wanted: which of the measured records, as ``table`` takes it.

    Returns:
        The text, which ends with a newline.

    Raises:
        UsageError: if there is no such table or format, where nothing has a name that was asked for, or where none of
            the records belongs in the table.
    """
    if format not in TEXTS:
        raise UsageError(f"there is no format {format!r} of a paper's table; {near_misses(str(format), list(TEXTS))}")
    paper, choice = PAPERS[name], Choice.of(**wanted)
    published = published_records(paper.published, unverified=unverified)
    return str(writer(format)([paper.make(choice.chosen(records), published, choice)]))
