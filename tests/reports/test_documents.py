"""Tables of pages are made from records."""

from pathlib import Path

import pytest

from vidgauge.cli import run
from vidgauge.errors import UsageError, VidgaugeError
from vidgauge.reports.documents import fill
from vidgauge.reports.layouts import LAYOUTS

ROOT = Path(__file__).parents[2]
PAGES = sorted(page for page in (ROOT / "docs").glob("*.md") if "<!-- table:" in page.read_text("utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_of_the_documentation_follow_from_the_committed_records(page: Path) -> None:
    assert fill(page) == page.read_text("utf-8"), f"run: vidgauge fill docs/{page.name}"


def test_there_are_such_pages() -> None:
    assert [page.name for page in PAGES]


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
