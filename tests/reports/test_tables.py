import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from vidgauge.errors import UsageError
from vidgauge.record import Record
from vidgauge.reports import table

Make = Callable[..., Record]


def _markdown_rows(text: str) -> list[list[str]]:
    """The rows of all tables, split at the pipes that are not escaped."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]


class Parsed(HTMLParser):
    """Checks that elements close in order, and gathers text and cells."""

    VOID = frozenset({"meta", "link", "input", "br", "wbr"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _parse(text: str) -> Parsed:
    parsed = Parsed()
    parsed.feed(text)
    parsed.close()
    assert parsed.open == []
    return parsed


def test_markdown_has_a_row_for_each_subject_and_equal_columns(store_records: list[Record]) -> None:
    text = table(store_records)
    scores, layers, _ = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert {len(row) for row in _markdown_rows(scores)} == {5}
    assert len(_markdown_rows(scores)) == 2 + 3
    assert len(_markdown_rows(layers)) == 2 + 17
    assert "**80.5** ± 9.0 n=64" in scores
    assert "fvd.shapes (aaaaaaaaaaaaaaaa)" in scores
    assert "1 older record was superseded" in scores
    assert "Embedded Moving Shapes world: honest inside it, says nothing outside it" in scores
    assert "Embedded" not in layers
    assert "faster" in layers
    assert "oom: asked for 34.36 GB of 16 GB" in layers


def test_markdown_escapes_whatever_a_name_holds(hostile_records: list[Record], hostile_text: str) -> None:
    rows = _markdown_rows(table(hostile_records))
    assert len(rows) == 2 + 3
    assert len({len(row) for row in rows}) == 1
    assert "<script>" not in table(hostile_records)
    plain = re.sub(r"\\(.)", r"\1", rows[2][0]).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert plain.strip() == hostile_text.replace("\n", " ").replace("\x1b", "\N{REPLACEMENT CHARACTER}")


def test_html_is_well_formed_and_shows_the_same_values(store_records: list[Record]) -> None:
    parsed = _parse(table(store_records, "html"))
    assert [tag for tag, _ in parsed.tags].count("table") == 3
    assert "80.5" in parsed.text
    assert "[71.5, 89.5]" in parsed.text
    assert "fvd.shapes" in parsed.text
    assert not any(tag in ("script", "button") for tag, _ in parsed.tags)


def test_html_escapes_whatever_a_name_holds(hostile_records: list[Record]) -> None:
    parsed = _parse(table(hostile_records, "html"))
    assert not any(tag == "script" for tag, _ in parsed.tags)
    assert "<script>alert(1)</script>" in parsed.text


def test_csv_keeps_full_precision_and_units(make_record: Make, store_records: list[Record]) -> None:
    record = make_record("latency", 0.1 + 0.2, half_width=0.01, name='a,"b"\nc', n=7)
    (line,) = csv.DictReader(io.StringIO(table([record], "csv")))
    assert (line["name"], float(line["value"]), line["unit"], line["n"]) == ('a,"b"\nc', 0.1 + 0.2, "s", "7")
    assert json.loads(line["config"]) == record.subject.config
    lines = list(csv.DictReader(io.StringIO(table(store_records, "csv"))))
    assert len(lines) == len(store_records) - 1
    assert [line["status"] for line in lines].count("oom") == 3
    assert {line["rank"] for line in lines} == {"best", "tied", ""}


@pytest.mark.parametrize("format_name", ["markdown", "latex", "html", "csv"])
def test_the_same_records_give_the_same_text(store_records: list[Record], format_name: str) -> None:
    assert table(store_records, format_name) == table(list(store_records), format_name)  # type: ignore[call-overload] # a plain string


def test_an_unknown_format_names_the_known_ones(make_record: Make) -> None:
    with pytest.raises(UsageError, match="did you mean 'markdown'"):
        table([make_record()], "markdwon")  # type: ignore[call-overload] # what a caller without a type checker may write


def test_no_records_are_refused() -> None:
    with pytest.raises(UsageError, match="no records"):
        table([])


def test_importing_reports_imports_no_torch_and_no_other_room() -> None:
    program = """
import sys, vidgauge.reports, vidgauge.reports.page, vidgauge.reports.files, vidgauge.commands.report
rooms = ("torch", "vidgauge.bench", "vidgauge.metrics", "vidgauge.datasets", "vidgauge.reference_models")
print([name for name in rooms if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
