"""How published numbers are written: to the digits of their paper."""

from collections.abc import Sequence

from vidgauge.record import Record
from vidgauge.reports.quantities import Scale, Written

PERCENT = Scale(unit="%", factor=0.01)


def all_percent(records: Sequence[Record]) -> bool:
    """Whether there are published numbers among them, and all of those are printed as per cent."""
    printed = [record.details["printed"] for record in records if "printed" in record.details]
    return bool(printed) and all(number["percent"] for number in printed)


def as_printed(record: Record, scale: Scale) -> Written | None:
    """Value and ± with the digits of the paper, in the column's unit; None for what no paper says."""
    printed = record.details.get("printed")
    if printed is None:
        return None
    to_shares = printed["percent"] and scale != PERCENT
    value, margin = (_share(text) if to_shares else text for text in (printed["value"], printed["plus_minus"]))
    return Written(value, f"± {margin}" if margin else "", below=margin, above=margin)


def _share(percent: str) -> str:
    """``32.04`` as ``0.3204``."""
    if not percent:
        return ""
    return f"{float(percent) / 100:.{len(percent.partition('.')[2]) + 2}f}"
