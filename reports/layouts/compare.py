"""Systems under one budget: how good, how fast and how big they are, neighbours, and how each was trained."""

from collections.abc import Sequence

from vidgauge.record import Record
from vidgauge.reports.comparison import compare as tables_of
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.reports.markdown import write_markdown
from vidgauge.reports.one_budget import is_of_comparison


@LAYOUTS.register("compare")
def compare(records: Sequence[Record]) -> str:
    """The same tables as on the page, three for each group."""
    of_comparison = [record for record in records if is_of_comparison(record.subject)]
    if not of_comparison:
        return "Nothing is measured yet.\n"
    return write_markdown(tables_of(of_comparison), title="**{}**")
