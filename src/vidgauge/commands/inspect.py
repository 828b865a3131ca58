"""``vidgauge inspect PATH [OTHER]``: what is in a folder of videos, what is wrong with it, what sets it apart."""

import dataclasses
import json as json_format
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidgauge.errors import VidgaugeError
from vidgauge.progress import progress_bar

if TYPE_CHECKING:
    from vidgauge.datasets.folder import Listing
    from vidgauge.datasets.inspection import Inspection
    from vidgauge.datasets.totals import Totals

_FEW = 20
"""Videos that are listed one by one without being asked for."""
_MOST_BROKEN = 100
_MOST_KINDS = 6
_USUAL = {"progressive", "0 degrees", "even", "1"}
"""Kinds that go without saying where there are no others."""


def inspect(
    path: Annotated[
        str, typer.Argument(help="A video, a folder of videos or of frames, or a data set: NAME@ROOT, NAME@ROOT:SPLIT.")
    ],
    other: Annotated[
        str | None, typer.Argument(help="Generated videos, to be compared with those of PATH as the real ones.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="List each video, however many there are.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object with all videos and totals.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail if any video is broken.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that decode; 0: none but this. [processors, up to 8]")
    ] = None,
) -> None:
    """Decode every video under a path; say what they are together, what is wrong, and how they differ from others."""
    paths = [path] if other is None else [path, other]
    listings = [_listing(each) for each in paths]
    videos = _inspect_all(listings, workers)
    sets = [_Set(*parts) for parts in zip(paths, listings, videos, strict=True)]
    _say(_json(sets) if json else "\n\n".join([*(each.text(all_) for each in sets), *_comparison(sets)]))
    broken, inspected = sum(each.totals.broken for each in sets), sum(each.totals.videos for each in sets)
    if strict and broken:
        raise VidgaugeError(f"{broken} of {inspected} videos under {' and '.join(paths)} are broken")


def _listing(path: str) -> "Listing":
    from vidgauge.datasets.folder import Listing, scan
    from vidgauge.datasets.opening import find_data_set

    data = find_data_set(path)
    return scan(path) if data is None else Listing(list(data.entries), notes=data.notes)


class _InterruptedError(VidgaugeError):
    exit_status = 130


def _inspect_all(listings: "list[Listing]", workers: int | None) -> "list[list[Inspection]]":
    from vidgauge.datasets.inspection import inspect_videos
    from vidgauge.datasets.isolation import default_workers

    processes = default_workers() if workers is None else workers
    videos: list[list[Inspection]] = []
    total = sum(len(listing.entries) for listing in listings)
    with progress_bar() as progress:
        task = progress.add_task("decoding", total=total)
        try:
            for listing in listings:
                videos.append([])
                for video in inspect_videos(listing.entries, processes):
                    videos[-1].append(video)
                    progress.advance(task)
        except KeyboardInterrupt:
            done = sum(map(len, videos))
            raise _InterruptedError(f"interrupted after {done} of {total} videos; nothing is printed") from None
    return videos


class _Set:
    """The videos under one path."""

    def __init__(self, path: str, listing: "Listing", videos: "list[Inspection]") -> None:
        from vidgauge.datasets.folder import printable
        from vidgauge.datasets.totals import total

        self.name, self.listing, self.videos = printable(path), listing, videos
        self.totals: Totals = total(videos)

    def fields(self) -> dict[str, Any]:
        """For machines."""
        totals = dataclasses.asdict(self.totals) | {"ignored": dict(sorted(self.listing.ignored.items()))}
        videos = [dataclasses.asdict(video) for video in self.videos]
        return {"path": self.name, "notes": list(self.listing.notes), "videos": videos, "totals": totals}

    def text(self, each: bool) -> str:
        """For people: first the totals, then what is broken, then each video if they are few or wanted."""
        notes = [f"NOTE  {note}" for note in self.listing.notes]
        blocks = [[self._heading(), *self._kinds()], notes, self._copies(), self._broken()]
        if each or len(self.videos) <= _FEW:
            blocks.append(_table(self.videos))
        return "\n\n".join("\n".join(block) for block in blocks if block)

    def _heading(self) -> str:
        totals = self.totals
        length = f", {totals.shortest} to {totals.longest} in a video" if totals.frames else ""
        return (
            f"{self.name}: {totals.videos} videos, {totals.broken} broken; {totals.frames} frames{length}; "
            f"{_duration(totals.seconds)}; {totals.bytes / 1e6:.4g} MB"
        )

    def _kinds(self) -> list[str]:
        kinds = self.totals.kinds | {"no videos": dict(self.listing.ignored.most_common())}
        width = max(map(len, kinds))
        return [f"{name:{width}}  {_counts(counted)}" for name, counted in kinds.items() if counted.keys() - _USUAL]

    def _copies(self) -> list[str]:
        groups = self.totals.copies
        lines = [f"the same bytes: {', '.join(_first(ids))}" for ids in groups]
        return _first(lines, _FEW)

    def _broken(self) -> list[str]:
        rows = [(video.id, video.wrong) for video in self.videos if video.wrong is not None]
        width = min(60, max((len(name) for name, _ in rows), default=0))
        return _first([f"BROKEN  {name:{width}}  {wrong}" for name, wrong in rows], _MOST_BROKEN)


def _json(sets: list[_Set]) -> str:
    from vidgauge.datasets.comparison import differences

    answer = sets[0].fields()
    if len(sets) == 2:
        found = differences(*(each.videos for each in sets))
        answer = {
            "real": answer,
            "generated": sets[1].fields(),
            "differences": [dataclasses.asdict(difference) for difference in found],
            "in_both": _in_both(sets),
        }
    return json_format.dumps(answer, indent=1, allow_nan=False)


def _comparison(sets: list[_Set]) -> list[str]:
    """What a distance between the two sets would see besides their content; nothing for a single set."""
    from vidgauge.datasets.comparison import differences

    if len(sets) < 2:
        return []
    found, both = differences(*(each.videos for each in sets)), _in_both(sets)
    lines = [f"WARNING  {difference}" for difference in found]
    lines += [f"WARNING  {len(both)} generated videos are copies of real ones: {', '.join(_first(both))}"] * bool(both)
    if not lines:
        return ["No difference in coding, size, rate or length beyond what chance makes of sets of these sizes."]
    intro = "Real and generated differ in more than content. Distances between them react to that, too:"
    return ["\n".join([intro, *lines])]


def _in_both(sets: list[_Set]) -> list[str]:
    real = {video.digest for video in sets[0].videos if video.digest is not None}
    return [video.id for video in sets[1].videos if video.digest in real]


def _table(videos: "list[Inspection]") -> list[str]:
    rows = [("video", "frames", "size", "fps", "seconds", "codec", ""), *map(_row, videos)]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    lines = []
    for name, *numbers, codec, remark in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(numbers, widths[1:5], strict=True)]
        lines.append("  ".join([f"{name:<{widths[0]}}", *cells, f"{codec:<{widths[5]}}", remark]).rstrip())
    return lines


def _row(video: "Inspection") -> tuple[str, ...]:
    from vidgauge.datasets.comparison import rate

    if video.wrong is not None:
        return (video.id, "-", "-", "-", "-", "-", "BROKEN")
    seconds = "-" if video.seconds is None else f"{video.seconds:.2f}"
    coding = f"{video.codec} {video.pixel_format}"
    remark = "frames unevenly spaced in time" if video.uneven else ""
    return (video.id, str(video.frames), f"{video.width}x{video.height}", rate(video.fps), seconds, coding, remark)


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(_first([f"{kind} ({count})" for kind, count in counted.items()], _MOST_KINDS))


def _first(items: list[str], most: int = _MOST_KINDS) -> list[str]:
    """The first of many, and how many more there are."""
    return items if len(items) <= most else [*items[:most], f"and {len(items) - most} more (--json has all)"]


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _say(text: str) -> None:
    """Print, whatever letters the terminal lacks."""
    encoding = sys.stdout.encoding or "utf-8"
    typer.echo(text.encode(encoding, "backslashreplace").decode(encoding))
