"""Pages that name what parts of them are made from: ``fill`` writes these parts.

What stands in a Markdown page between ``<!-- table: LAYOUT from RECORDS.json -->`` and ``<!-- end of table -->`` is
made by the layout of that name from the records of that file, whose path counts from the page's own folder; ``<!--
table: LAYOUT -->`` is for layouts that have published numbers and need no records. Between
``<!-- reference: vidgauge.metrics -->`` and ``<!-- end of reference -->`` stands what the docstrings of that module's
public names say (``vidgauge.record: Record`` for some of them), and after ``<!-- reference: commands -->`` what
``--help`` says.
"""

import re
from collections.abc import Callable
from pathlib import Path

from vidgauge.environment import Environment
from vidgauge.errors import UsageError
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.reports.markdown import escape
from vidgauge.reports.reference import reference
from vidgauge.store import read_json

_NAMED = ("torch", "vidgauge")
_TABLE = re.compile(
    r"(?P<opening><!-- table: (?P<layout>[\w-]+)( from (?P<records>\S+))? -->\n).*?(?P<closing><!-- end of table -->)",
    re.DOTALL,
)
_REFERENCE = re.compile(
    r"(?P<opening><!-- reference: (?P<asked>[^>\n]+?) -->\n).*?(?P<closing><!-- end of reference -->)", re.DOTALL
)
_COMMANDS = "commands"


def fill(page: Path, commands: Callable[[], str] = str) -> str:
    """The text of a page with its tables and references made anew.

    Args:
        page: a Markdown file.
        commands: gives the reference of the command line, where that is asked for.

    Raises:
        UsageError: where the page has nothing to fill, or names records, a layout or a module that do not exist.
    """
    try:
        text = page.read_text("utf-8")
    except OSError as error:
        raise UsageError(f"cannot read the page {page}: {error}") from error
    text, tables = _TABLE.subn(lambda match: _filled(match, page.parent), text)
    text, references = _REFERENCE.subn(lambda match: _referred(match, commands), text)
    if not tables + references:
        raise UsageError(
            f"{page} has neither '<!-- table: LAYOUT from RECORDS.json -->' nor '<!-- reference: MODULE -->'; "
            "there is nothing to fill"
        )
    return text


def _referred(match: "re.Match[str]", commands: Callable[[], str]) -> str:
    body = commands() if match["asked"] == _COMMANDS else reference(match["asked"])
    return "\n".join([match["opening"], body, match["closing"]])


def _filled(match: "re.Match[str]", folder: Path) -> str:
    records, environments = read_json(folder / match["records"]) if match["records"] else ([], {})
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
