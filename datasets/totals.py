"""What many inspected videos are together."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from vidgauge.datasets.comparison import KINDS
from vidgauge.datasets.inspection import Inspection


@dataclass(frozen=True)
class Totals:
    """Counts over a set of videos; all but the first three are over those that are whole."""

    videos: int
    broken: int
    bytes: int
    """On disk."""
    frames: int
    seconds: float
    """Of the videos that state a rate."""
    shortest: int | None
    """Frames of the shortest; empty where no video is whole."""
    longest: int | None
    kinds: dict[str, dict[str, int]]
    """How many are of each kind, commonest first, for each property in which sets are compared."""
    copies: list[list[str]]
    """Identifiers of videos that are the same, byte for byte."""


def total(videos: Sequence[Inspection]) -> Totals:
    """Sum up."""
    whole = [video for video in videos if video.wrong is None]
    lengths = [video.frames or 0 for video in whole]
    return Totals(
        videos=len(videos),
        broken=len(videos) - len(whole),
        bytes=sum(video.bytes or 0 for video in videos),
        frames=sum(lengths),
        seconds=sum(video.seconds or 0.0 for video in whole),
        shortest=min(lengths, default=None),
        longest=max(lengths, default=None),
        kinds={name: dict(Counter(map(kind, whole)).most_common()) for name, kind in KINDS.items()},
        copies=copies(videos),
    )


def copies(videos: Sequence[Inspection]) -> list[list[str]]:
    """Groups of whole videos whose files hold the same bytes."""
    by_digest: defaultdict[str, list[str]] = defaultdict(list)
    for video in videos:
        if video.digest is not None:
            by_digest[video.digest].append(video.id)
    return [ids for ids in by_digest.values() if len(ids) > 1]
