"""Tables as HTML, escaped throughout; the page uses the same templates."""

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from vidgauge.reports.comparison import Table
from vidgauge.reports.wording import ARROWS, legends, marks, one_line, origin, reading

if TYPE_CHECKING:
    import jinja2

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
        "legends": legends,
        "mark": lambda number: marks([number]),
        "origin": origin,
        "reading": reading,
    }
    environment.filters |= {"typeset": typeset}
    return environment


def typeset(number: str) -> str:
    """A written number with a true minus sign and powers of ten as raised digits."""
    raised = re.sub(r"e(-?\d+)", lambda power: f"\N{MULTIPLICATION SIGN}10{power[1].translate(_RAISED)}", number)
    return raised.replace("-", "\N{MINUS SIGN}")
