"""What people read: tables and the page, made from records alone."""

from vidgauge.reports.paper_table import paper_table
from vidgauge.reports.published_records import published_records
from vidgauge.reports.tables import table

__all__ = ["paper_table", "published_records", "table"]
