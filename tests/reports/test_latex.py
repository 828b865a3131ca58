import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vidgauge.record import ProtocolRef, Record
from vidgauge.reports import paper_table, published_records, table
from vidgauge.reports.papers import PAPERS

Make = Callable[..., Record]
LONE_SPECIAL = re.compile(r"(?<!\\)[%#_~]")


def _structure(text: str) -> None:
    """Braces balance, environments nest, and every row of a tabular has as many cells as it has columns."""
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    bare = re.sub(r"\\[{}]", "", body)
    assert bare.count("{") == bare.count("}")
    stack: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{([a-z*]+)\}", body):
        if kind == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert stack == []
    for columns, rows in re.findall(r"\\begin\{tabular\}\{([lr]+)\}\n(.*?)\\end\{tabular\}", body, re.DOTALL):
        for row in [line for line in rows.splitlines() if line.endswith(r" \\")]:
            if spanning := re.match(r"\\multicolumn\{(\d+)\}", row):
                assert int(spanning[1]) == len(columns)
                continue
            assert len(re.findall(r"(?<!\\)&", row)) == len(columns) - 1


def test_it_is_a_booktabs_table_with_arrows_caption_and_note(store_records: list[Record]) -> None:
    text = table(store_records, "latex")
    _structure(text)
    for expected in (
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
        r"\caption{Generated videos.}",
        r"fvd $\downarrow$",
        r"is $\uparrow$",
        r"latency $\downarrow$ (ms)",
        r"\textbf{80.5} {\scriptsize $\pm$ 9.0}",
        r"\underline{4.40}$^{\approx}$",
        r"\textit{oom}",
        r"axial\_attention",
        "protocol fvd.shapes (aaaaaaaaaaaaaaaa), n = 62 to 64",
        r"95 \% intervals",
        r"Embedded Moving Shapes world",
    ):
        assert expected in text


def test_an_interval_that_is_not_symmetric_has_its_margins_above_and_below(make_record: Make) -> None:
    ends = {"level": 0.95, "no_interval": ""}
    lopsided = make_record("fvd", 80.5, name="a", low=78.0, high=89.25, **ends)
    aside = make_record("fvd", 95.0, name="b", low=70.0, high=80.0, **ends)  # a bootstrap's may leave its value out
    text = table([lopsided, aside], "latex")
    _structure(text)
    assert r"\textbf{80.5} $^{+8.8}_{-2.5}$" in text
    assert r"\underline{95.0}$^{\approx}$ {\scriptsize [70.0, 80.0]}" in text


def test_the_second_is_underlined_inside_one_protocol_alone(make_record: Make) -> None:
    ours = [make_record("fvd", value, name=f"a{value}") for value in (5.0, 7.0, 9.0)]
    other = ProtocolRef(name="fvd.other", fingerprint="bbbbbbbbbbbbbbbb")
    theirs = make_record("fvd", 1.0, name="b", protocol=other)
    for text, best, second in (
        (table([*ours, theirs], "latex"), r"\textbf{%g}", r"\underline{%g}"),
        (table([*ours, theirs]), "**%g**", "<ins>%g</ins>"),
    ):
        assert best % 5 in text
        assert second % 7 in text
        assert not any(mark % value in text for mark in (best, second) for value in (1, 9))
        assert "second underlined" in text


@pytest.mark.parametrize("name", PAPERS.names())
def test_a_papers_table_has_its_groups_and_a_label_of_its_own(name: str) -> None:
    text = paper_table(name, (), "latex", unverified=True)
    _structure(text)
    assert rf"\label{{tab:{name}}}" in text
    assert r"}{l}{\emph{Published" in text
    assert "Make-A-Video" in text


def test_measured_rows_stand_under_a_heading_of_their_own(store_records: list[Record]) -> None:
    text = paper_table("make-a-video-table-2", store_records, "latex")
    _structure(text)
    assert "\\midrule\n\\multicolumn{7}{l}{\\emph{Measured here, in the embedded Moving Shapes world" in text
    assert r"walt-tiny & -- & -- & -- & measured here" in text
    assert r"\textbf{80.5} {\scriptsize $\pm$ 9.0}" in text


def test_published_numbers_have_their_structure() -> None:
    text = table(published_records(unverified=True), "latex")
    _structure(text)
    assert r"57.80 {\scriptsize $\pm$ 1.3}" in text
    assert r"N\"{U}WA" in text


def test_every_special_character_is_escaped(hostile_records: list[Record]) -> None:
    text = table(hostile_records, "latex")
    _structure(text)
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert not LONE_SPECIAL.search(re.sub(r"\\resizebox.*", "", body))
    assert r"a\textbar{}b\_\%\&\$\#\{\}\textasciitilde{}\textasciicircum{}\textbackslash{}" in body
    assert r"\'{e} U+1F600" in body
    assert body.isascii()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_it_compiles(store_records: list[Record], hostile_records: list[Record], tmp_path: Path) -> None:
    start = r"\documentclass{article}\usepackage{booktabs}\usepackage{graphicx}\begin{document}"
    tables = [table(store_records, "latex"), table(hostile_records, "latex")]
    tables += [paper_table(name, (), "latex") for name in PAPERS]
    tables += [paper_table("make-a-video-table-2", store_records, "latex")]
    text = "\n".join([start, *tables, r"\end{document}"])
    (tmp_path / "paper.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper.pdf").stat().st_size > 1000
