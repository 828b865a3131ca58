"""The videos in a folder, whatever its layout."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path, PurePath
from typing import Literal

from vidgauge.datasets.errors import VideoError
from vidgauge.datasets.libav import IMAGE_EXTENSIONS
from vidgauge.datasets.names import printable as printable
from vidgauge.datasets.storages import EXTENSIONS
from vidgauge.errors import UsageError

_Kind = Literal["folder", "file", "special", "nowhere"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One video: a file, or a folder of frames."""

    id: str
    """Its path relative to where the search began, with forward slashes, as ``printable`` writes it; the name alone for
    a single video."""
    where: str
    """The path of where it lies, as text: so a hundred thousand of them take a quarter of the memory."""
    label: str | None = None
    """Name of the sub-folder it lies in: the class, in the layouts that have classes."""

    @property
    def path(self) -> Path:
        """Where it lies."""
        return Path(self.where)


@dataclass(frozen=True)
class Listing:
    """Everything a search came across."""

    entries: list[Entry]
    """The videos, sorted by identifier."""
    ignored: Counter[str] = field(default_factory=Counter)
    """How many files are no videos, by extension, or by what they are instead of files; hidden ones are not counted."""
    notes: Sequence[str] = ()
    """What else is to be said of them, such as that a data set has other numbers than were published."""


def list_videos(path: str | PathLike[str]) -> list[Entry]:
    """The videos of ``scan``, which see."""
    return scan(path).entries


def scan(path: str | PathLike[str]) -> Listing:
    """Find all videos under a path: a single file, a folder, a folder of class folders, a folder of frame folders.

    Files are known by their extensions, in upper or lower case, and none is opened. A folder with nothing but images
    in it is one video. Whatever begins with a dot is passed over. Links to folders are followed, but not in circles.

    What looks like a video and cannot be read is listed too, so that reading it says what is wrong and it is counted:
    a link to nowhere with a video's name, and a folder that this user may not list.

    The order is that of the identifiers' code points (``a10`` before ``a2``), and so the same on every machine. Only
    the frames in a folder are in natural order.

    Raises:
        UsageError: there is no such path, it may not be read, or there is no video in it.
    """
    path = Path(path)
    ignored: Counter[str] = Counter()
    found = sorted(_search(path, ignored))
    if not found:
        others = ", ".join(f"{count} {extension}" for extension, count in sorted(ignored.items())) or "nothing"
        raise UsageError(f"{path}: holds no video ({', '.join(EXTENSIONS)}, folders of png or jpg), but {others}")
    return Listing([Entry(id_, where, label) for id_, where, label in found], ignored)


def reason_within(entry: Entry, error: VideoError) -> str:
    """Why a video fails; where it is a folder of frames, with the name of the frame that does."""
    within = "" if error.path == entry.path else f"{printable(error.path.name)}: "
    return within + error.reason


def _search(root: Path, ignored: Counter[str]) -> Iterator[tuple[str, str, str | None]]:
    """Identifier, path and label of each video."""
    try:
        root.stat()
        if root.is_dir():
            os.scandir(root).close()
    except FileNotFoundError:
        raise UsageError(f"{root}: does not exist; give a video or a folder of videos") from None
    except OSError as error:
        raise UsageError(f"{root}: cannot be read ({error.strerror}); give a video or a folder of videos") from error
    if root.is_dir():
        for where, inside in _below(root, ignored):
            parts = [printable(part) for part in (inside or (root.absolute().name,))]
            yield "/".join(parts), where, parts[-2] if len(parts) > 1 else None
    elif _is_video(root.name, "file" if root.is_file() else "special", ignored):
        yield printable(root.name), str(root), None


def _below(root: Path, ignored: Counter[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Path of each video in a folder, and the names that lead there; one look into each folder, none at a file."""
    waiting: list[tuple[str, tuple[str, ...], frozenset[tuple[int, int]]]] = [(str(root), (), frozenset())]
    while waiting:  # and not recursion, which ends in folders a thousand deep
        folder, names, above = waiting.pop()
        try:
            status = os.stat(folder)  # noqa: PTH116 - a hundred thousand paths need not become objects
            this = status.st_dev, status.st_ino
            if this in above:  # a link led back here
                continue
            with os.scandir(folder) as listing:
                inside = [(child, _kind(child)) for child in listing if not child.name.startswith(".")]
        except OSError:
            yield folder, names
            continue
        if inside and all(_is_image(child.name, kind) for child, kind in inside):
            yield folder, names
            continue
        for child, kind in inside:
            if kind == "folder":
                waiting.append((child.path, (*names, child.name), above | {this}))
            elif _is_video(child.name, kind, ignored):
                yield child.path, (*names, child.name)


def _kind(child: "os.DirEntry[str]") -> _Kind:
    """What it is, at the end of its links; the system tells without another look, but for links."""
    try:
        if child.is_dir():
            return "folder"
        if child.is_file():
            return "file"
        return "nowhere" if child.is_symlink() and not Path(child.path).exists() else "special"
    except OSError:  # a link that leads to itself, or to where this user may not look
        return "nowhere"


def _is_image(name: str, kind: _Kind) -> bool:
    return kind in ("file", "nowhere") and _suffix(name) in IMAGE_EXTENSIONS


def _is_video(name: str, kind: _Kind, ignored: Counter[str]) -> bool:
    """By its name, if it is a file or a link that should lead to one; anything else is counted."""
    suffix = _suffix(name)
    if kind != "special" and suffix in EXTENSIONS:
        return True
    if kind == "file":
        ignored[printable(suffix) or "without extension"] += 1
    else:
        ignored["link to nowhere" if kind == "nowhere" else "pipe, socket or device"] += 1
    return False


def _suffix(name: str) -> str:
    return PurePath(name).suffix.lower()
