"""What of a data set is on disk: looked up by exact name first, then whatever the case of its letters."""

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

_FOLDERS_KEPT = 1024


class Disk:
    """The files under a root. Nothing outside it is found, whatever a list says.

    Each folder is listed once, which costs less than a look at each of a million files.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names = lru_cache(_FOLDERS_KEPT)(self._list)

    def find(self, places: Sequence[str]) -> Path | None:
        """The first of the places, relative to the root, that exists; None where none does.

        A place that exists exactly is preferred to one that exists in other letters (``.AVI`` for ``.avi``), which is
        what unpacking on other systems leaves.
        """
        in_other_letters = None
        for place in places:
            found = self._find(place)
            if found and found == place:
                return self._root / found
            in_other_letters = in_other_letters or found
        return self._root / in_other_letters if in_other_letters else None

    def _find(self, place: str) -> str:
        """The place as it is spelled on disk; empty where there is none."""
        folder, slash, name = place.rpartition("/")
        if name in ("", ".", "..") or (slash and not folder):
            return ""
        inside, names = self._names(folder)
        spelled = names.get(name) or names.get(name.casefold())
        return f"{inside}{slash}{spelled}" if spelled else ""

    def _list(self, folder: str) -> tuple[str, Mapping[str, str]]:
        """A folder as it is spelled on disk, and the names in it by themselves and by their small letters."""
        spelled = folder if folder in ("", ".") else self._find(folder)
        if folder and not spelled:
            return "", {}
        try:
            names = sorted(os.listdir(self._root / spelled), reverse=True)  # noqa: PTH208 - a million need not be objects
        except OSError:
            return "", {}
        return spelled, {name.casefold(): name for name in names} | {name: name for name in names}
