"""One small registry for everything that has a name: layers, systems, networks, protocols, data sets, suites.

A registry stands over a folder. Its modules register what they define when the folder is first opened, a TOML file is
an entry of its own, and other people's packages add theirs through the entry point group ``vidgauge.<kind>``. So adding
an entry is adding one file, and editing none.
"""

import importlib
import pkgutil
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from importlib.resources import files
from typing import Any, Generic, TypeVar

from vidgauge.errors import UsageError, near_misses

T = TypeVar("T")


class Registry(Generic[T]):
    """Names and what they stand for, read from a package's folder on first use.

    Args:
        kind: what the entries are, in the singular and as errors print it ("protocol").
        package: the dotted package whose modules and TOML files are the entries.
        parse: turns a TOML file's table into an entry; its name is the file's name unless the table has ``name``.
            Without it, TOML files in the folder are not entries.
    """

    def __init__(self, kind: str, package: str, parse: Callable[[dict[str, Any]], T] | None = None) -> None:
        self.kind = kind
        self._package = package
        self._parse = parse
        self._entries: dict[str, T] = {}
        self._opened = False

    def register(self, name: str) -> Callable[[T], T]:
        """Decorate a class or function (or call with an object) to enter it under a name that is not yet taken."""

        def enter(entry: T) -> T:
            if name in self._entries:
                raise UsageError(f"{self.kind} {name!r} is registered twice; choose another name for one of them")
            self._entries[name] = entry
            return entry

        return enter

    def __getitem__(self, name: str) -> T:
        """The entry of that name, or a UsageError that lists near misses."""
        if not self._opened and name not in self._entries:
            self._open_module(name)
        if name in self._entries:
            return self._entries[name]
        self._open()
        if name not in self._entries:
            raise UsageError(f"there is no {self.kind} {name!r}; {near_misses(name, self.names())}")
        return self._entries[name]

    def __contains__(self, name: str) -> bool:
        self._open()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def names(self) -> list[str]:
        """All names, sorted."""
        self._open()
        return sorted(self._entries)

    def _open_module(self, name: str) -> None:
        """Import the module that bears the entry's name, if there is one: the others may take seconds to import."""
        package, module = importlib.import_module(self._package), name.replace("-", "_")
        if any(found.name == module for found in pkgutil.iter_modules(package.__path__)):
            importlib.import_module(f"{self._package}.{module}")

    def _open(self) -> None:
        if self._opened:
            return
        self._opened = True  # set first: a module that looks itself up while it registers must not recurse
        package = importlib.import_module(self._package)
        if self._parse is not None:  # files first: a module may derive entries from theirs
            for file in sorted(files(self._package).iterdir(), key=lambda item: item.name):
                if file.name.endswith(".toml"):
                    table = {"name": file.name.removesuffix(".toml")} | tomllib.loads(file.read_text("utf-8"))
                    self.register(table["name"])(self._parse(table))
        for module in pkgutil.iter_modules(package.__path__):
            if not module.name.startswith("_"):
                importlib.import_module(f"{self._package}.{module.name}")
        for point in entry_points(group=f"vidgauge.{self.kind}"):
            point.load()  # the module registers what it defines, as ours do
