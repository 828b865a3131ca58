"""The sets of videos that records are about, as far as they are here."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidgauge.record import Record, Subject
from vidgauge.reports.axes import is_number
from vidgauge.reports.one_budget import is_of_comparison
from vidgauge.reports.ranking import canonical
from vidgauge.reports.videos.reading import is_video

_REFERENCE = "real"
_SIDES = (_REFERENCE, "generated", "versus")
"""Keys of a subject's configuration that hold paths of videos."""


@dataclass(frozen=True)
class VideoSet:
    """Videos that a record names."""

    name: str
    """What the page calls them."""
    given: tuple[str, ...]
    """Paths as the record has them."""
    files: dict[str, Path]
    """Each video by its path inside the set, sorted."""
    folder: Path | None
    """Where they lie; None where no such folder is here."""
    group: str = ""
    """Sets of one group stand side by side, where their videos have the same names."""


def video_sets(records: Iterable[Record], near: Path) -> list[VideoSet]:
    """Each set once, real videos first.

    Args:
        records: in any order; only the videos that they name are looked for.
        near: a folder from which paths may have been given, such as the store's; so may any folder around it, and the
            working directory.
    """
    named: dict[tuple[str, ...], str] = {}
    groups: dict[tuple[str, ...], str] = {}
    subjects = {record.subject.model_dump_json(): record.subject for record in records}
    for side in _SIDES:
        for subject in _of_first_seeds(subjects.values()):
            if side == _REFERENCE and is_of_comparison(subject):
                continue  # other scenes than all the rest, which answers one list of captions
            paths = _paths(subject, side)
            if paths and "generated" in subject.config:
                named.setdefault(paths, _name(subject, side, paths))
                groups.setdefault(paths, "" if side == _REFERENCE else str(subject.config.get("group", "")))
    places = [Path.cwd(), near.absolute(), *near.absolute().parents]
    several = {name for name, count in Counter(named.values()).items() if count > 1}
    return [
        _video_set(", ".join(paths) if name in several else name, paths, places, groups[paths])
        for paths, name in named.items()
    ]


def _of_first_seeds(subjects: Iterable[Subject]) -> list[Subject]:
    """Without other seeds of what a comparison made with several: videos of all would be too many to look at."""
    first: dict[str, Subject] = {}
    for subject in subjects:
        seed = subject.config.get("seed")
        several = is_of_comparison(subject) and is_number(seed)
        apart = ("seed", "generated") if several else ()
        alike = {key: value for key, value in subject.config.items() if key not in apart}
        key = canonical([subject.kind, subject.name, alike])
        if several and seed < first.get(key, subject).config["seed"]:
            first[key] = subject
        first.setdefault(key, subject)
    return list(first.values())


def _paths(subject: Subject, side: str) -> tuple[str, ...]:
    given = subject.config.get(side)
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, list) or not all(isinstance(path, str) for path in listed):
        return ()
    return tuple(listed)


def _name(subject: Subject, side: str, paths: Sequence[str]) -> str:
    if side == _REFERENCE:
        return "real"
    if is_of_comparison(subject):
        videos = str(subject.config.get("videos", ""))
        return subject.name + videos.removeprefix("samples") if subject.kind == "system" else videos
    return subject.name if side == "generated" and "versus" not in subject.config else Path(paths[0]).name


def _video_set(name: str, paths: tuple[str, ...], places: Sequence[Path], group: str) -> VideoSet:
    files: dict[str, Path] = {}
    folder = None
    for given in paths:
        here = next((place / given for place in places if (place / given).exists()), None)
        if here is not None:
            folder = folder or (here if here.is_dir() else here.parent)
            files |= dict(_listed(here))
    return VideoSet(name, paths, dict(sorted(files.items())), folder, group)


def _listed(here: Path) -> Iterator[tuple[str, Path]]:
    """Videos under a path, by their place in it."""
    if is_video(here):
        yield here.name, here
        return
    for place, folders, files in os.walk(here):
        of_frames = [name for name in folders if is_video(Path(place, name))]
        folders[:] = [name for name in folders if name not in of_frames]
        for name in [*of_frames, *files]:
            path = Path(place, name)
            if not name.startswith(".") and is_video(path):
                yield path.relative_to(here).as_posix(), path
