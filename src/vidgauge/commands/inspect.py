"""``vidgauge inspect PATH``: what is in a folder of videos, and what is wrong with it."""

import dataclasses
import json as json_format
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidgauge.errors import VidgaugeError
from vidgauge.progress import progress_bar

if TYPE_CHECKING:
    from vidgauge.datasets.folder import Entry
    from vidgauge.datasets.inspection import Inspection


def inspect(
    path: Annotated[Path, typer.Argument(help="A video, a folder of videos, or a folder of frames.")],
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object with videos and totals.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail if any video is broken.")] = False,
) -> None:
    """Decode every video under a path; say what each is, what is wrong with it, and what they are together."""
    from vidgauge.datasets.folder import scan

    listing = scan(path)
    videos = _inspect_all(listing.entries)
    totals = _totals(videos) | {"ignored": dict(sorted(listing.ignored.items()))}
    if json:
        rows = [dataclasses.asdict(video) for video in videos]
        typer.echo(json_format.dumps({"path": str(path), "videos": rows, "totals": totals}, indent=1, allow_nan=False))
    else:
        _print(videos, totals)
    if strict and totals["broken"]:
        raise VidgaugeError(f"{totals['broken']} of {len(videos)} videos under {path} are broken")


def _inspect_all(entries: "list[Entry]") -> "list[Inspection]":
    from vidgauge.datasets.inspection import inspect_video
    from vidgauge.datasets.prefetch import in_order

    with progress_bar() as progress:
        found = in_order(entries, lambda entry: [inspect_video(entry)], workers=os.cpu_count() or 1)
        return list(progress.track(found, total=len(entries), description="decoding"))


def _totals(videos: "list[Inspection]") -> dict[str, Any]:
    whole = [video for video in videos if video.wrong is None]
    return {
        "videos": len(videos),
        "broken": len(videos) - len(whole),
        "frames": sum(video.frames or 0 for video in whole),
        "seconds": sum(video.seconds or 0.0 for video in whole),
        "shortest": min((video.frames or 0 for video in whole), default=None),
        "longest": max((video.frames or 0 for video in whole), default=None),
        "sizes": dict(Counter(f"{video.width}x{video.height}" for video in whole).most_common()),
        "rates": dict(Counter(_rate(video.fps) for video in whole).most_common()),
    }


def _print(videos: "list[Inspection]", totals: dict[str, Any]) -> None:
    rows = [("video", "frames", "size", "fps", "seconds", "codec", "")] + [_row(video) for video in videos]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for name, *numbers, codec, remark in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(numbers, widths[1:5], strict=True)]
        typer.echo("  ".join([f"{name:<{widths[0]}}", *cells, f"{codec:<{widths[5]}}", remark]).rstrip())
    typer.echo(
        f"\n{totals['videos']} videos, {totals['broken']} broken; {totals['frames']} frames"
        + (f", {totals['shortest']} to {totals['longest']} in a video" if totals["frames"] else "")
        + f"; {totals['seconds']:.1f} s"
    )
    for what, counted in (("sizes", totals["sizes"]), ("fps", totals["rates"]), ("no videos", totals["ignored"])):
        if len(counted) > 1 or (counted and what == "no videos"):
            typer.echo(f"{what}: " + ", ".join(f"{name} ({count})" for name, count in counted.items()))


def _row(video: "Inspection") -> tuple[str, ...]:
    if video.wrong is not None:
        return (video.id, "-", "-", "-", "-", "-", f"BROKEN: {video.wrong}")
    seconds = "-" if video.seconds is None else f"{video.seconds:.2f}"
    coding = f"{video.codec} {video.pixel_format}"
    remark = "frames unevenly spaced in time" if video.uneven else ""
    return (video.id, str(video.frames), f"{video.width}x{video.height}", _rate(video.fps), seconds, coding, remark)


def _rate(fps: float | None) -> str:
    return "unknown" if fps is None else f"{fps:.5g}"
