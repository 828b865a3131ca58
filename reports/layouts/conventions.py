"""Conventions of FVD on the same videos: what each fixes, what it gives, what one change does, and what N does."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vidgauge.record import Record
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.reports.markdown import escape

_SIDES = {"both": "both sides so", "generated alone": "generated alone so"}
_SELF = "real against themselves"
_SAYS_NOTHING = "this says nothing about I3D's numbers on real videos"


@LAYOUTS.register("conventions")
def conventions(records: Sequence[Record]) -> str:
    """A table of each part of the contest."""
    tables: dict[str, list[Record]] = {}
    for record in records:
        tables.setdefault(record.subject.config["table"], []).append(record)
    lines = [*_fixed(tables["published"]), *_published(tables["published"])]
    return "\n".join([*lines, *_changes(tables["changes"]), *_counts(tables["counts"])])


def _fixed(records: Sequence[Record]) -> Iterator[str]:
    fixes = {one.subject.name: one.details["fixes"] for one in records if "fixes" in one.details}
    yield "**What each convention fixes**\n"
    yield from _heading("convention", "epsilon", "frames to 224x224", "distance", "frames, which", "real / generated")
    for name, of_one in fixes.items():
        root = of_one["root"] + (f", mean of {of_one['trials']} trials" if of_one["trials"] > 1 else "")
        cells = [f"`{name}`", f"{of_one['epsilon']:g}", f"`{of_one['resize']}`", root, _clips(of_one["clips"])]
        yield f"| {' | '.join([*cells, _videos(of_one)])} |"
    yield ""


def _published(records: Sequence[Record]) -> Iterator[str]:
    found = {(one.subject.config["world"], one.subject.name, one.measure.name): one for one in records}
    (random, few), (world, clips) = _worlds(records)
    yield f"**The same videos by each convention; {world}, {clips} real and {clips} generated videos**\n"
    yield f"Beside it {random}, on {few} and {few} videos, too few for an interval: {_SAYS_NOTHING}.\n"
    yield from _heading("convention", f"FVD, {world}", "ratio to the first", f"ratio, {random}")
    for name in dict.fromkeys(one.subject.name for one in records):
        cells = [found[world, name, "fvd"], found[world, name, "fvd_ratio"], found[random, name, "fvd_ratio"]]
        yield f"| `{name}` | {' | '.join(map(_value, cells))} |"
    yield ""


def _changes(records: Sequence[Record]) -> Iterator[str]:
    rows: dict[str, dict[tuple[str, str], Record]] = {}
    for one in records:
        rows.setdefault(one.subject.name, {})[one.subject.config["sides"], one.measure.name] = one
    first = rows["nothing"]["both", "fvd"]
    world, clips = first.subject.config["world"], first.subject.config["clips"]
    yield f"**`fvd.shapes` with one thing changed; {world}, {clips} real and {clips} generated videos**\n"
    yield f"With nothing changed it is {_value(first)}. The last column has the same real videos on both sides.\n"
    yield from _heading("changed", *(f"ratio, {said}" for said in _SIDES.values()), "FVD, one of two equal sides so")
    for name, row in rows.items():
        if name != "nothing":
            cells = [row.get((sides, "fvd_ratio")) for sides in _SIDES] + [row.get((_SELF, "fvd"))]
            yield f"| {escape(name)} | {' | '.join(map(_value, cells))} |"
    yield ""


def _counts(records: Sequence[Record]) -> Iterator[str]:
    rows: dict[int, dict[str, Record]] = {}
    ends = {}
    for one in records:
        if one.subject.config.get("extrapolated"):
            ends[one.subject.name] = one
        else:
            rows.setdefault(one.subject.config["clips"], {})[one.subject.name] = one
    columns = list(ends)
    yield f"**`fvd.shapes` by the number of videos in each set; {records[0].subject.config['world']}**\n"
    yield "Means over disjoint sets; scatter is the standard deviation of single ones.\n"
    headings = [(f"real and {name}", "scatter") for name in columns]
    yield from _heading("N", "sets", *(heading for pair in headings for heading in pair))
    for count, row in rows.items():
        cells = "".join(f" {_value(row[name])} | {_scatter(row[name])} |" for name in columns)
        yield f"| {count:,} | {len(row[columns[0]].details['values'])} |{cells}"
    yield "| infinite, extrapolated | |" + "".join(f" {_value(ends[name])} | |" for name in columns)
    yield ""


def _heading(*cells: str) -> Iterator[str]:
    yield f"| {' | '.join(cells)} |"
    yield "| --- |" + " ---: |" * (len(cells) - 1)


def _worlds(records: Sequence[Record]) -> list[tuple[str, int]]:
    """Each world with its number of clips, fewest first."""
    return sorted({(one.subject.config["world"], one.subject.config["clips"]) for one in records}, key=lambda it: it[1])


def _clips(rules: Sequence[str]) -> str:
    words = [f"{'at least ' if rule.endswith('whole') else ''}{rule}" for rule in rules]
    return words[0] if words[0] == words[1] else "; ".join(words)


def _videos(fixes: Mapping[str, Any]) -> str:
    counts = [fixes["real"], fixes["generated"]]
    return " / ".join("any" if count is None else f"{count:,}" for count in counts)


def _scatter(record: Record) -> str:
    spread = record.details.get("spread")
    return "" if spread is None else f"{spread:.3g}"


def _value(record: Record | None) -> str:
    """With its interval, if it has one."""
    if record is None or record.value is None:
        return ""
    form = ".3f" if record.measure.name == "fvd_ratio" else ".3g"
    interval = "" if record.low is None or record.high is None else f" [{record.low:{form}}, {record.high:{form}}]"
    return f"{record.value:{form}}{interval}"
