"""Tables of pages are made from records."""

from pathlib import Path

import pytest

from vidgauge.cli import run
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.reports.documents import fill
from vidgauge.reports.layouts import LAYOUTS

ROOT = Path(__file__).parents[2]
DOCS = {page: page.read_text("utf-8") for page in sorted((ROOT / "docs").rglob("*.md"))}
PAGES = [page for page, text in DOCS.items() if "<!-- table:" in text]
REFERENCES = [page for page, text in DOCS.items() if "<!-- reference:" in text]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_of_the_documentation_follow_from_the_committed_records(page: Path) -> None:
    assert fill(page) == page.read_text("utf-8"), f"run: vidgauge fill docs/{page.name}"


@pytest.mark.long  # and Python's own printing of signatures may change from version to version
@pytest.mark.parametrize("page", REFERENCES, ids=lambda page: page.name)
def test_the_reference_follows_from_the_docstrings(page: Path) -> None:
    assert run(["fill", "--check", str(page)]) == 0, f"run: vidgauge fill docs/reference/{page.name}"


def test_there_are_such_pages() -> None:
    assert PAGES
    assert REFERENCES


@pytest.fixture
def page(tmp_path: Path) -> Path:
    LAYOUTS.__dict__["_entries"].setdefault("count", lambda records: f"{len(records)} records")
    (tmp_path / "records.json").write_text('{"environments": {}, "records": []}')
    path = tmp_path / "page.md"
    path.write_text("before\n<!-- table: count from records.json -->\nold\n<!-- end of table -->\nafter\n")
    return path


def test_a_page_is_filled_between_its_marks_and_stays_so(page: Path) -> None:
    assert run(["fill", "--check", str(page)]) == 1
    assert "old" in page.read_text()
    assert run(["fill", str(page)]) == 0
    text = page.read_text()
    assert text.startswith("before\n<!-- table: count from records.json -->\n\n0 records\n")
    assert text.endswith("<!-- end of table -->\nafter\n")
    assert run(["fill", "--check", str(page)]) == 0


def test_a_table_of_published_numbers_needs_no_records(page: Path) -> None:
    page.write_text(page.read_text().replace("count from records.json", "make-a-video-table-3"))
    text = fill(page)
    assert "| Make-A-Video | VDM |" in text
    assert "Measured on" not in text


def test_what_a_page_may_ask_for(page: Path) -> None:
    page.write_text(page.read_text().replace("count from records", "counts from records"))
    with pytest.raises(UsageError, match="there is no layout 'counts'"):
        fill(page)
    page.write_text(page.read_text().replace("counts from records", "count from nothing"))
    with pytest.raises(VidgaugeError, match=r"nothing\.json is not a document of records"):
        fill(page)
    page.write_text("no table")
    with pytest.raises(UsageError, match="nothing to fill"):
        fill(page)
    with pytest.raises(UsageError, match="cannot read the page"):
        fill(page.with_name("missing.md"))
