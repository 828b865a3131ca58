"""Pages whose tables are made from records: they name the records, and ``fill`` writes the tables.

What stands in a Markdown page between ``<!-- table: LAYOUT from RECORDS.json -->`` and ``<!-- end of table -->`` is
made by the layout of that name from the records of that file, whose path counts from the page's own folder.
"""

import re
from pathlib import Path

from vidgauge.environment import Environment
from vidgauge.errors import UsageError
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.reports.markdown import escape
from vidgauge.store import read_json

_NAMED = ("torch", "vidgauge")
_TABLE = re.compile(
    r"(?P<opening><!-- table: (?P<layout>[\w-]+) from (?P<records>\S+) -->\n).*?(?P<closing><!-- end of table -->)",
    re.DOTALL,
)


def fill(page: Path) -> str:
    """The text of a page with its tables made anew.

    Raises:
        UsageError: where the page has no table, or names records or a layout that do not exist.
    """
    try:
        text = page.read_text("utf-8")
    except OSError as error:
        raise UsageError(f"cannot read the page {page}: {error}") from error
    filled, tables = _TABLE.subn(lambda match: _filled(match, page.parent), text)
    if not tables:
        raise UsageError(f"{page} has no '<!-- table: LAYOUT from RECORDS.json -->'; there is nothing to fill")
    return filled


def _filled(match: "re.Match[str]", folder: Path) -> str:
    records, environments = read_json(folder / match["records"])
    body = LAYOUTS[match["layout"]](records)
    measured = [
        _where(environment, {record.code for record in records if record.environment == key})
        for key, environment in environments.items()
    ]
    return "\n".join([match["opening"], body, *measured, match["closing"]])


def _where(environment: Environment, codes: set[str]) -> str:
    libraries = ", ".join(f"{name} {environment.libraries[name]}" for name in _NAMED if name in environment.libraries)
    commits = ", ".join(sorted(filter(None, codes))) or "not known"
    device = environment.gpu or f"{environment.cpu}, {environment.threads} threads"
    return f"Measured on {escape(device)} with Python {environment.python}, {libraries}; commit {commits}.\n"
