"""What people read: tables and the page, made from records alone."""

from vidgauge.reports.tables import table

__all__ = ["table"]
