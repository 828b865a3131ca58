"""The descriptions of data sets: complete, listed, and enough of themselves to add another."""

import json
import re
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from vidgauge.cli import run
from vidgauge.datasets import SOURCES
from vidgauge.datasets.catalogue import markdown_table
from vidgauge.datasets.layouts import Layout
from vidgauge.registry import Registry

DESCRIBED = {
    "bair", "davis-2017", "hd-vila-100m", "internvid-10m-flt", "kinetics-600", "kinetics-700", "msr-vtt", "openvid-1m",
    "panda-70m", "sky-timelapse", "something-something-v2", "taichi-hd", "ucf101", "webvid-10m",
}  # fmt: skip
PAGE = Path(__file__).parents[2] / "docs" / "datasets.md"


def layout(name: str) -> Layout:
    entry = SOURCES[name]
    assert isinstance(entry, Layout)
    return entry


def test_all_are_there_and_all_four_readers_are_used() -> None:
    assert {name for name in SOURCES if isinstance(SOURCES[name], Layout)} == DESCRIBED
    readers = {layout(name).reader.kind for name in DESCRIBED}
    assert readers == {"class-folders", "csv-ids", "frame-folders", "json-annotations"}


@pytest.mark.parametrize("name", sorted(DESCRIBED))
def test_a_description_says_everything(name: str) -> None:
    described = layout(name)
    assert described.name == name
    assert re.fullmatch(r"https://\S+", described.described_at)
    for text in (described.summary, described.terms, described.layout):
        assert text
        assert "\n" not in text
    assert described.splits
    names = [*described.splits, *(alias for split in described.splits.values() for alias in split.aliases)]
    assert len(set(names)) == len(names)
    assert not described.tried_on_original_files  # until someone reads a whole one; then say so here
    assert described.standing == "assumed" or not described.links_only


def test_the_counts_of_ucf101_are_the_published_ones() -> None:
    counts = {name: split.count for name, split in layout("ucf101").splits.items()}
    assert [counts[f"{side}-{part}"] for part in ("01", "02", "03") for side in ("train", "test")] == [
        9537, 3783, 9586, 3734, 9624, 3696,
    ]  # fmt: skip
    assert counts["all"] == 13320 == sum(counts[f"{side}-02"] or 0 for side in ("train", "test"))


def test_listing_tells_what_the_description_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "datasets", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) >= DESCRIBED | {"folder", "manifest", "moving-shapes"}
    assert rows["ucf101"]["splits"]["test-01"] == 3783
    assert rows["ucf101"]["tried_on_original_files"] is False
    assert rows["kinetics-600"]["standing"] == "assumed"
    assert rows["kinetics-600"]["splits"]["train"] is None
    assert set(rows["folder"]) == {"name", "summary"}


def test_listing_as_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "datasets", "--markdown"]) == 0
    table = capsys.readouterr().out
    assert table == markdown_table()
    assert len(table.splitlines()) == 2 + len(DESCRIBED)
    assert {line.count("|") for line in table.splitlines()} == {6}
    assert run(["list", "layers", "--markdown"]) == 2
    assert "--markdown is for datasets" in capsys.readouterr().err


@pytest.mark.skipif(
    not PAGE.exists() or "<!-- data sets -->" not in PAGE.read_text("utf-8"), reason="no page with the table"
)
def test_the_page_has_the_present_table() -> None:
    _, _, rest = PAGE.read_text("utf-8").partition("<!-- data sets -->\n")
    table, _, _ = rest.partition("<!-- end of data sets -->")
    assert table.strip() == markdown_table().strip(), "replace it with: vidgauge list datasets --markdown"


NEW = """
summary = "Three clips of rain."
described_at = "https://example.org/rain"
terms = "CC0"
layout = "rain.csv with id and what, and clips/{id}.mp4"
standing = "official"
[reader]
kind = "csv-ids"
id = "{id}"
files = ["clips/{id}.mp4"]
caption = "what"
[splits.all]
count = 3
lists = [["rain.csv"]]
"""


def test_adding_a_set_is_adding_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "package" / "more_video_sets"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "rain.toml").write_text(NEW)
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.delitem(sys.modules, "more_video_sets", raising=False)
    registry: Registry[Layout] = Registry("dataset", "more_video_sets", parse=Layout.model_validate)
    root = tmp_path / "root"
    (root / "clips").mkdir(parents=True)
    (root / "rain.csv").write_text("id,what\na,drizzle\nb,hail\nc,mist\n")
    for name in "abc":
        (root / "clips" / f"{name}.mp4").write_bytes(b"x")
    data = registry["rain"](root, None, None)
    assert [(entry.id, entry.captions) for entry in data.entries] == [
        ("a", ("drizzle",)),
        ("b", ("hail",)),
        ("c", ("mist",)),
    ]
    assert (data.name, data.notes) == ("rain/all", [])


@pytest.mark.parametrize(
    ("old", "new"),
    [('kind = "csv-ids"', 'kind = "csv"'), ('caption = "what"', 'captain = "what"'), ('terms = "CC0"', "")],
)
def test_a_description_with_a_slip_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    package = tmp_path / f"slip_{abs(hash(old))}"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "rain.toml").write_text(NEW.replace(old, new))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValidationError):
        Registry("dataset", package.name, parse=Layout.model_validate).names()
