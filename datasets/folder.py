"""The videos in a folder, whatever its layout."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from vidgauge.datasets.frame_folders import is_frame_folder
from vidgauge.datasets.reading import EXTENSIONS
from vidgauge.errors import UsageError


@dataclass(frozen=True)
class Entry:
    """One video: a file, or a folder of frames."""

    id: str
    """Its path relative to where the search began, with forward slashes; the name alone for a single video."""
    path: Path
    """Where it lies."""
    label: str | None = None
    """Name of the sub-folder it lies in: the class, in the layouts that have classes."""


@dataclass(frozen=True)
class Listing:
    """Everything a search came across."""

    entries: list[Entry]
    """The videos, sorted by identifier."""
    ignored: Counter[str] = field(default_factory=Counter)
    """How many files are no videos, by extension; hidden files are not counted."""


def list_videos(path: str | PathLike[str]) -> list[Entry]:
    """The videos of ``scan``, which see."""
    return scan(path).entries


def scan(path: str | PathLike[str]) -> Listing:
    """Find all videos under a path: a single file, a folder, a folder of class folders, a folder of frame folders.

    A folder with nothing but images in it is one video. Links to folders are followed, but not in circles. The order
    is that of the identifiers' code points, and so the same on every machine.

    Raises:
        UsageError: there is no such path, or no video in it.
    """
    path = Path(path)
    if not path.exists():
        raise UsageError(f"{path}: does not exist; give a video or a folder of videos")
    ignored: Counter[str] = Counter()
    found = sorted(_walk(path, ignored, above=()), key=lambda video: _id(video, path))
    if not found:
        others = ", ".join(f"{count} {extension}" for extension, count in sorted(ignored.items())) or "nothing"
        raise UsageError(f"{path}: holds no video ({', '.join(EXTENSIONS)}, folders of png or jpg), but {others}")
    return Listing([Entry(_id(video, path), video, _label(video, path)) for video in found], ignored)


def _walk(path: Path, ignored: Counter[str], above: tuple[Path, ...]) -> Iterator[Path]:
    """Videos at or below a path; ``above`` are the real paths of the folders we came through."""
    if path.is_dir() and not is_frame_folder(path):
        if path.resolve() not in above:
            for child in path.iterdir():
                if not child.name.startswith("."):
                    yield from _walk(child, ignored, (*above, path.resolve()))
    elif path.is_dir() or path.suffix.lower() in EXTENSIONS:  # a link to nowhere too: reading it will say what is wrong
        yield path
    else:
        ignored[path.suffix.lower() or "without extension"] += 1


def _id(video: Path, root: Path) -> str:
    return video.name if video == root else video.relative_to(root).as_posix()


def _label(video: Path, root: Path) -> str | None:
    return video.parent.name if root not in (video, video.parent) else None
