"""Tables as HTML, escaped throughout; the page uses the same templates."""

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from vidgauge.reports.comparison import Table
from vidgauge.reports.configuration import NOT_SAID
from vidgauge.reports.wording import ARROWS, legends, marks, one_line, origin, reading

if TYPE_CHECKING:
    import jinja2
    import markupsafe

_MOST_CHOICES = 40
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def write_html(tables: Sequence[Table]) -> str:
    """All tables as sections to put into a page of your own."""
    return templates().get_template("tables.html.j2").render(tables=tables)


@cache
def templates() -> "jinja2.Environment":
    """The templates of this room: everything that comes out of a record is escaped."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vidgauge.reports"),
        autoescape=True,
        finalize=lambda value: one_line(value) if type(value) is str else value,  # markup is made by us
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # facts come in the order of their importance
    environment.globals |= {
        "arrows": ARROWS,
        "facets": facets,
        "legends": legends,
        "not_said": NOT_SAID,
        "mark": lambda number: marks([number]),
        "origin": origin,
        "reading": reading,
    }
    environment.filters |= {"breakable": breakable, "typeset": typeset}
    return environment


def typeset(number: str) -> str:
    """A written number with a true minus sign and powers of ten as raised digits."""
    raised = re.sub(r"e(-?\d+)", lambda power: f"\N{MULTIPLICATION SIGN}10{power[1].translate(_RAISED)}", number)
    return raised.replace("-", "\N{MINUS SIGN}")


def breakable(text: str) -> "markupsafe.Markup":
    """A name that may go on in the next line after each of its parts: escaped, as all that comes out of a record."""
    import markupsafe

    escaped = str(markupsafe.escape(one_line(text)))
    return markupsafe.Markup(re.sub("([_/])", r"\1<wbr>", escaped))  # noqa: S704 - escaped above


def facets(table: Table) -> list[tuple[str, int, list[str]]]:
    """Headings left of the columns by which rows can be chosen: name, place, and the values that there are."""
    found = []
    for place, key in enumerate(table.stub):
        choices = list(dict.fromkeys(row.stub[place] for row in table.rows))
        if 1 < len(choices) <= _MOST_CHOICES:
            found.append((key, place, [one_line(choice) for choice in choices]))
    return found
