"""Tables as CSV for other programs."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime

from vidgauge.reports.comparison import Table
from vidgauge.reports.lines import FIELDS, lines


def write_csv(tables: Sequence[Table]) -> str:
    """A line a value; times in ISO 8601."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _text(value) for key, value in line.items()} for line in lines(tables))
    return text.getvalue()


def _text(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
