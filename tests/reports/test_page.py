import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from vidgauge.environment import Environment
from vidgauge.errors import UsageError
from vidgauge.record import Record
from vidgauge.reports.page import page
from vidgauge.reports.provenance import summarise
from vidgauge.reports.published_records import published_records

Make = Callable[..., Record]


class Page(HTMLParser):
    """Elements, visible text, and whether all of them close in order."""

    VOID = frozenset({"meta", "link", "input", "br", "wbr", "img"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.data = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.data = self.data or data
        elif "style" not in self.open:
            self.text += data


@pytest.fixture
def parsed(store_records: list[Record], environment: Environment) -> Page:
    return Page(page(store_records, {environment.fingerprint: environment}, "evening.sqlite"))


def test_it_is_well_formed_with_unique_ids_and_links_that_lead_somewhere(parsed: Page) -> None:
    assert parsed.open == []
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {href[1:] for _, attributes in parsed.elements if (href := attributes.get("href") or "").startswith("#")}
    named = {attributes[key] for _, attributes in parsed.elements for key in ("aria-labelledby",) if key in attributes}
    assert targets | named <= set(ids)


def test_it_asks_nobody_for_anything(store_records: list[Record], environment: Environment, parsed: Page) -> None:
    for _, attributes in parsed.elements:
        for key in ("src", "href", "action", "srcset", "data"):
            assert (attributes.get(key) or "#").startswith(("#", "data:"))
    text = page(store_records, {environment.fingerprint: environment}, "evening.sqlite")
    assert not re.search(r"https?://|url\(|@import", text)
    assert "default-src 'none'" in text


def test_it_says_what_a_reader_needs_first(parsed: Page) -> None:
    text = " ".join(parsed.text.split())
    for expected in (
        "Embedded Moving Shapes world: honest inside it, says nothing outside it",
        "This holds for clipsim.shapes, fvd.shapes, is.shapes, kvd.shapes",
        "Measured 1 March 2026",
        "1 older record was superseded by the latest of the same thing",
        "fvd latte-tiny 80.5 [71.5, 89.5]",
        "Example CPU @ 2.0 GHz",
        "asked for 34.36 GB of 16 GB",
        "0003.mp4 truncated",
        "no frames",
        "n = 64 is small",
    ):
        assert expected in text
    assert re.search(r"records\s*113", text)


def test_provenance_tells_where_each_number_comes_from(parsed: Page, store_records: list[Record]) -> None:
    provenance = json.loads(parsed.data)
    rows = {attributes["id"] for tag, attributes in parsed.elements if tag == "tr" and "id" in attributes}
    assert set(provenance) == rows
    assert sum(len(row["records"]) for row in provenance.values()) == len(store_records) - 1
    fvd = next(r for row in provenance.values() for r in row["records"] if r["facts"].get("superseded"))
    assert fvd["facts"]["run"] == "run-2"
    assert fvd["facts"]["time"] == "2026-03-01 13:00:00 UTC"
    assert fvd["facts"]["commit"] == "0123456789abcdef0123456789abcdef01234567"
    latency = next(r for row in provenance.values() for r in row["records"] if "samples" in r["details"])
    assert latency["details"]["samples"].startswith("40 numbers: least 0.004")


def test_the_same_records_give_the_same_page(store_records: list[Record], environment: Environment) -> None:
    environments = {environment.fingerprint: environment}
    assert page(store_records, environments, "a") == page(list(store_records), environments, "a")


def test_hostile_text_stays_text(hostile_records: list[Record], environment: Environment, hostile_text: str) -> None:
    text = page(hostile_records, {environment.fingerprint: environment}, hostile_text)
    parsed = Page(text)
    assert parsed.open == []
    assert [tag for tag, _ in parsed.elements].count("script") == 2
    assert "\x1b" not in text
    assert hostile_text in json.loads(parsed.data).popitem()[1]["records"][0]["details"]


@pytest.mark.long
def test_thousands_of_records_stay_small_and_are_laid_out_when_they_come_into_sight(
    make_record: Make, environment: Environment
) -> None:
    samples = {"samples": [0.001 * index for index in range(40)]}
    records = [
        make_record(measure, 1.0 + index, half_width=0.1, name=f"layer-{index}", details=samples, kind=f"kind-{kind}")
        for kind in range(10)
        for index in range(125)
        for measure in ("latency", "throughput", "peak_memory", "flops")
    ]
    text = page(records, {environment.fingerprint: environment}, "large")
    assert len(records) == 5000
    assert len(text.encode()) < 10_000_000
    assert text.count("<tr") < 1.1 * 1250  # the provenance of a row is made when it is opened
    assert "main > section { content-visibility: auto;" in text
    assert text.index("<style>") < text.index("<main") < text.index('id="provenance"') < text.index('"use strict"')


def test_published_numbers_stand_apart(store_records: list[Record], environment: Environment) -> None:
    both = [*store_records, *published_records()]
    text = " ".join(Page(page(both, {environment.fingerprint: environment}, "a")).text.split())
    assert "Measured 1 March 2026." in text  # and no year of a paper
    assert re.search(r"environments\s*1 ", text)
    assert "Tian et al." in text


def test_names_keep_their_hyphens(make_record: Make) -> None:
    records = [make_record("frame-consistency", 0.5, name="a-b", config={"step": step}) for step in (1, 2)]
    labels = [attributes.get("aria-label") or "" for _, attributes in Page(page(records, {}, "a")).elements]
    assert "a-b, step 2: frame-consistency 0.5000, n 64" in labels


def test_details_of_any_size_travel_in_a_few_kilobytes(make_record: Make) -> None:
    trials = [{"found": {f"tool {tool}": {"seconds": list(range(5))} for tool in range(15)}} for _ in range(30)]
    record = make_record("fvd", 1.0, details={"trials": trials, "note": "kept"})
    (row,) = json.loads(Page(page([record], {}, "a")).data).values()
    details = row["records"][0]["details"]
    assert details["note"] == "kept"
    assert len(details["trials"]) == 21
    assert len(json.dumps(details)) < 4000


def test_environments_that_are_not_described_do_no_harm(store_records: list[Record]) -> None:
    assert Page(page(store_records, {}, "a")).open == []


def test_no_records_are_refused() -> None:
    with pytest.raises(UsageError, match="no records"):
        page([], {}, "empty")


def test_summaries_keep_what_is_short_and_cut_what_is_long() -> None:
    assert summarise({"a": [1, 2, 3], "b": "short", "c": None}) == {"a": [1, 2, 3], "b": "short", "c": None}
    assert summarise([float(number) for number in range(9)]) == "9 numbers: least 0, median 4, greatest 8"
    assert summarise(["x"] * 25) == ["x"] * 20 + ["and 5 more"]
    assert summarise("y" * 500) == "y" * 400 + "\N{HORIZONTAL ELLIPSIS} (500 characters)"
    assert len(summarise({str(key): key for key in range(100)})) == 21
    deep: list[object] = []
    for _ in range(50):
        deep = [deep]
    assert "1 entry" in json.dumps(summarise(deep))
