"""Tables in the shape of a paper's, for pages: published rows, and the page's records below them."""

from collections.abc import Sequence
from functools import partial

from vidgauge.record import Record
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.reports.markdown import write_markdown
from vidgauge.reports.paper_tables import PaperTable
from vidgauge.reports.papers import PAPERS
from vidgauge.reports.published_records import published_records


def _layout(paper: PaperTable, records: Sequence[Record]) -> str:
    return write_markdown([paper.make(records, published_records(paper.published))], title="**{}**")


for _name in PAPERS:
    LAYOUTS.register(_name)(partial(_layout, PAPERS[_name]))
