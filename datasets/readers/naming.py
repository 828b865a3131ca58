"""What readers have in common: how a description names lists, files and classes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from vidgauge.datasets.tables import csv_rows, read_json, text_lines
from vidgauge.errors import UsageError
from vidgauge.record import Frozen


@dataclass(frozen=True)
class Named:
    """A video that a list names, whether or not it is on disk."""

    id: str
    """What identifies it, the same wherever the data set lies and however its files are arranged."""
    places: tuple[str, ...]
    """Where it may lie, relative to the root; the first that exists counts."""
    label: str | None = None
    """Name of its class."""
    captions: tuple[str, ...] = ()
    """What it shows, as often as someone said so."""


class MissingError(Exception):
    """A list or folder that the layout demands is not there; the message says which."""


class IdList(Frozen):
    """A CSV file that picks videos, and may bring a caption of its own for each."""

    list: tuple[str, ...]
    """Where it may lie, relative to the root."""
    column: str
    """Its column of identifiers."""
    caption: str = ""
    """Its column of captions; they come before the others."""


class Split(Frozen):
    """A part of a data set."""

    count: int | None = Field(default=None, ge=0)
    """How many videos it has as published; nothing where no exact number is."""
    lists: tuple[tuple[str, ...], ...] = ()
    """The files that name its videos, read one after another; for each, the places where it may lie."""
    folders: tuple[str, ...] = ("",)
    """What ``{folder}`` stands for: the names that the folder of this split goes by."""
    where: dict[str, str] = Field(default_factory=dict)
    """Fields of the lists, and the values that they have in this split."""
    only: IdList | None = None
    """Picks some of the videos that the lists name."""
    aliases: tuple[str, ...] = ()
    """Other names by which it may be asked for, such as that of its list."""


class Reader(Frozen):
    """How the videos of a split are found out."""

    class_list: tuple[str, ...] = ()
    """Where the file with the numbers and names of the classes may lie."""
    class_names: tuple[str, ...] = ()
    """The names of the classes, where they are known beforehand."""

    def named(self, root: Path, split: Split, classes: Sequence[str]) -> Iterator[Named | str]:
        """The videos that a split names, in the order of its lists; a text is a remark for whoever opened it.

        Raises:
            MissingError: there is no such list or folder.
            UsageError: a list cannot be read, or lacks a field.
        """
        raise NotImplementedError

    def classes(self, root: Path, splits: Iterable[Split]) -> list[str]:  # noqa: ARG002 - some readers look there
        """The names of the classes, in the order of their numbers."""
        if self.class_list:
            names = numbered_classes(find(root, self.class_list))
            return [names[number] for number in sorted(names)]
        return list(self.class_names)


class Text(str):
    """A field of a list; where a format asks for digits, as in ``{time_start:06d}``, it is a number."""

    __slots__ = ()

    def __format__(self, form: str) -> str:
        return format(int(float(self)), form) if form.endswith("d") else super().__format__(form)


def find(root: Path, places: Sequence[str]) -> Path:
    """The first of the places that exists under a root; MissingError where none does."""
    for place in places:
        if (root / place).exists():
            return root / place
    raise MissingError(f"there is no {' or '.join(places)}")


def find_lists(root: Path, split: Split) -> list[Path]:
    """The files that name a split's videos, in order and each once; a place with a ``*`` stands for all such files."""
    return list(dict.fromkeys(file for places in split.lists for file in _find_all(root, places)))


def fill(template: str, fields: Mapping[str, str], source: Path) -> str:
    """A template such as ``{video_id}.mp4`` with the fields of a row of ``source``.

    Raises:
        UsageError: the row has no such field, or one that must be a number is none.
    """
    try:
        return template.format_map(fields)
    except KeyError as error:
        raise UsageError(f"{source}: has no column or key {error} (it has: {', '.join(fields)})") from None
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{source}: {error}, in a row of {', '.join(fields.values())}") from error


def places(
    templates: Sequence[str], folders: Sequence[str], fields: Mapping[str, str], source: Path
) -> tuple[str, ...]:
    """Where the file of a row may lie: each template with each of the folders for ``{folder}``."""
    by_folder = [{**fields, "folder": folder} for folder in folders]
    return tuple(fill(template, filled, source) for template in templates for filled in by_folder)


def pick(named: Iterable[Named], root: Path, only: IdList | None) -> Iterator[Named]:
    """Those of the videos that an identifier list picks, in its order; all of them where there is none."""
    if only is None:
        yield from named
        return
    by_id = {video.id: video for video in named}
    path = find(root, only.list)
    for row in csv_rows(path):
        id_, caption = fill(f"{{{only.column}}}", row, path), row.get(only.caption, "").strip()
        if id_ not in by_id:
            raise UsageError(f"{path}: picks {id_!r}, which the annotations do not name")
        video = by_id[id_]
        others = tuple(text for text in video.captions if text != caption)
        yield Named(id_, video.places, video.label, (caption, *others) if caption else video.captions)


def numbered_classes(path: Path) -> dict[int, str]:
    """Names of classes by their numbers.

    Args:
        path: a JSON object from names to numbers, or lines of a number and a name in either order.

    Raises:
        UsageError: a line has no number, or two names have the same.
    """
    names: dict[int, str] = {}
    for number, name in _json_pairs(path) if path.suffix.lower() == ".json" else map(_pair, text_lines(path)):
        if number is None or names.setdefault(number, name) != name:
            raise UsageError(f"{path}: each class needs one number and one name, but there is {name!r}")
    return names


def class_name(value: Any, classes: Sequence[str], source: Path) -> str | None:  # noqa: ANN401 - a field of a row
    """The name of a class by its number or name, whatever the case of its letters; None for nothing.

    Raises:
        UsageError: there is no such class.
    """
    if value is None or value == "":
        return None
    if isinstance(value, int) and 0 <= value < len(classes):
        return classes[value]
    if value in classes:
        return str(value)
    same = [name for name in classes if name.casefold() == str(value).casefold()]
    if len(same) != 1:
        raise UsageError(f"{source}: {value!r} is none of the {len(classes)} classes")
    return same[0]


def _find_all(root: Path, places: Sequence[str]) -> list[Path]:
    for place in places:
        found = sorted(root.glob(place), key=_by_number) if "*" in place else [root / place]
        if found and found[0].exists():
            return found
    raise MissingError(f"there is no {' or '.join(places)}")


def _by_number(path: Path) -> tuple[int, str]:
    """Part 2 before part 10: by the digits in the name, taken together."""
    return int("0" + "".join(filter(str.isdecimal, path.stem))), path.name


def _json_pairs(path: Path) -> Iterator[tuple[int | None, str]]:
    loaded = read_json(path)
    if not isinstance(loaded, dict):
        raise UsageError(f"{path}: must be an object from the names of classes to their numbers")
    for name, number in loaded.items():
        yield int(number) if str(number).isdecimal() else None, name


def _pair(line: str) -> tuple[int | None, str]:
    number, *name = line.split(maxsplit=1)
    if number.isdecimal() and name:
        return int(number), name[0]
    *name, number = line.rsplit(maxsplit=1)
    return (int(number), name[0]) if number.isdecimal() and name else (None, line)
