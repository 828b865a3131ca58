"""Tables of the documentation, one file each: a function from the records of a contest to Markdown."""

from collections.abc import Callable, Sequence

from vidgauge.record import Record
from vidgauge.registry import Registry

Layout = Callable[[Sequence[Record]], str]

LAYOUTS: Registry[Layout] = Registry("layout", "vidgauge.reports.layouts")
