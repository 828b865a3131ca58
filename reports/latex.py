"""Tables as LaTeX, to paste into a paper: booktabs rules, units and arrows in the head, notes below."""

import re
import unicodedata
from collections.abc import Sequence

from vidgauge.reports.comparison import Cell, Column, Table
from vidgauge.reports.quantities import THIN_SPACE
from vidgauge.reports.wording import heading, legends, marks, one_line, origin, reading

HEAD = "% Written by vidgauge report. Needs \\usepackage{booktabs} and \\usepackage{graphicx}.\n"

_TEXT = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "[": r"{[}",  # first in a row it would be taken for the option of the line break before
    "]": r"{]}",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "±": r"$\pm$",
    "≈": r"$\approx$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\rightarrow$",
    "µ": r"$\mu$",
    "μ": r"$\mu$",
    "°": r"$^{\circ}$",
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "---",
    "…": r"\dots{}",
    "\N{RIGHT SINGLE QUOTATION MARK}": r"\textquoteright{}",
    THIN_SPACE: r"\,",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
}
_TEXT['"'] = r"\char34{}"  # \textquotedbl needs a font encoding that not every paper loads
_HYPHEN_BEFORE_ANOTHER = re.compile("-(?=-)")
_ACCENTS = {"̀": "`", "́": "'", "̂": "^", "̃": "~", "̈": '"', "̊": "r", "̌": "v", "̧": "c", "̄": "=", "̋": "H"}


def write_latex(tables: Sequence[Table]) -> str:
    """All tables, each a float of its own with caption, label and notes."""
    return HEAD + "\n".join(_table(table, number) for number, table in enumerate(tables, 1))


def escape(text: str) -> str:
    """Text that prints as itself under any LaTeX engine; letters beyond its usual fonts become ``U+1F600``."""
    parts = _HYPHEN_BEFORE_ANOTHER.split(one_line(text))  # two in a row would print as a dash
    return "-{}".join("".join(map(_letter, part)) for part in parts)


def _letter(letter: str) -> str:
    if letter in _TEXT:
        return _TEXT[letter]
    if letter.isascii():
        return letter
    base, *accents = list(unicodedata.normalize("NFD", letter))
    if base.isascii() and base.isalpha() and len(accents) == 1 and accents[0] in _ACCENTS:
        return rf"\{_ACCENTS[accents[0]]}{{{base}}}"
    return f"U+{ord(letter):04X}"


def _table(table: Table, number: int) -> str:
    kind = "table*" if len(table.stub) + len(table.columns) > 5 else "table"
    headings = [*map(escape, table.stub), *map(_heading, table.columns)]
    lines = [
        rf"\begin{{{kind}}}",
        r"\centering",
        rf"\caption{{{escape(table.title)}.}}",
        rf"\label{{tab:{table.label or f'vidgauge-{number}'}}}",
        r"\medskip",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{'l' * len(table.stub)}{'r' * len(table.columns)}}}",
        r"\toprule",
        _line(headings),
        r"\midrule",
        *_rows(table),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\par\smallskip",
        rf"\begin{{minipage}}{{\linewidth}}\footnotesize {_notes(table)}\end{{minipage}}",
        rf"\end{{{kind}}}",
    ]
    return "\n".join(lines) + "\n"


def _rows(table: Table) -> list[str]:
    lines: list[str] = []
    width = len(table.stub) + len(table.columns)
    last = None
    for row in table.rows:
        if row.group and (last is None or row.group != last.group):
            lines += [
                *([r"\midrule"] if last else []),
                _line([rf"\multicolumn{{{width}}}{{l}}{{\emph{{{escape(row.group)}}}}}"]),
            ]
        elif last and row.task != last.task:
            lines.append(r"\addlinespace")
        last = row
        lines.append(_line([*map(escape, row.stub), *map(_cell, row.cells)]))
    return lines


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _heading(column: Column) -> str:
    return escape(heading(column)) + _marks(column.footnotes)


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "--"
    value = _number(cell.value)
    if cell.record.status != "ok":
        value = rf"\textit{{{value}}}"
    value = {1: rf"\textbf{{{value}}}", 2: rf"\underline{{{value}}}"}.get(cell.place, value)
    value += r"$^{\approx}$" if cell.rank == "tied" else ""
    interval = _interval(cell)
    verdict = rf"\textit{{{escape(cell.verdict)}}}" if cell.verdict else ""
    return " ".join(part for part in (value, interval, verdict) if part) + _marks(cell.footnotes)


def _interval(cell: Cell) -> str:
    """``± 9.0`` where it reaches as far up as down; above and below each other where not; else its ends."""
    if not cell.interval:
        return ""
    below, above = _number(cell.below), _number(cell.above)
    if not below:
        return rf"{{\scriptsize {_number(cell.interval)}}}"
    return rf"{{\scriptsize $\pm$ {below}}}" if below == above else rf"$^{{+{above}}}_{{-{below}}}$"


def _number(text: str) -> str:
    """A written number: a true minus sign, and powers of ten spelled out."""
    text = re.sub(r"e(-?\d+)", r"\\ensuremath{{}\\times10^{\1}}", text)
    return re.sub(r"(?<![\d^{])-(?=\d)", r"\\ensuremath{-}", text).replace(THIN_SPACE, r"\,")


def _notes(table: Table) -> str:
    sentences = [escape(remark) for remark in origin(table) + reading(table)]
    sentences += [f"{escape(titles)}: {escape(legend)}." for titles, legend in legends(table)]
    sentences += [f"{_marks((number,))} {escape(text)}." for number, text in enumerate(table.footnotes, 1)]
    return "\n".join(sentences)


def _marks(numbers: Sequence[int]) -> str:
    return rf"\textsuperscript{{{marks(numbers)}}}" if numbers else ""
