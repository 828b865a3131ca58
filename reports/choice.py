"""Which rows and columns of the tables are wanted, and in what order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypedDict

from vidgauge.errors import UsageError, near_misses
from vidgauge.record import Record

Patterns = str | Iterable[str]
"""A name, or several; each may be a shell pattern such as ``fvd.*``."""


class Wanted(TypedDict, total=False):
    """A choice as keywords; what is left out chooses everything."""

    measures: Patterns
    subjects: Patterns
    suites: Patterns
    protocols: Patterns


@dataclass(frozen=True)
class Choice:
    """Names or shell patterns by what they are about; empty ones choose everything."""

    measures: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, measures: Patterns = (), subjects: Patterns = (), suites: Patterns = (), protocols: Patterns = ()
    ) -> "Choice":
        """A choice by one name or several of each."""
        return cls(*map(several, (measures, subjects, suites, protocols)))

    def chosen(self, records: Iterable[Record]) -> list[Record]:
        """The records that fit, in their order.

        Raises:
            UsageError: for a name or pattern that fits nothing, or where nothing fits all of them at once.
        """
        given = list(records)
        if not given or self == Choice():
            return given
        names = [_names(record) for record in given]
        for place, (what, patterns) in enumerate(vars(self).items()):
            _refuse_strangers(what, patterns, sorted({of_record[place] for of_record in names} - {""}))
        kept = [record for record, of_record in zip(given, names, strict=True) if self._fits(of_record)]
        if not kept:
            asked = ", ".join(f"{what} {' '.join(patterns)}" for what, patterns in vars(self).items() if patterns)
            raise UsageError(f"no record is of {asked} at once; choose less narrowly")
        return kept

    def wants(self, measure: str) -> bool:
        """Whether a measure of this name may be shown."""
        return not self.measures or _fit(measure, self.measures)

    def column_place(self, record: Record) -> tuple[int, int]:
        """Where its column stands among the others: measures come as they were asked for, then protocols."""
        return _place(record.measure.name, self.measures), _place(record.protocol.name, self.protocols)

    def row_place(self, name: str) -> int:
        """Where rows of this subject stand among their rivals."""
        return _place(name, self.subjects)

    def _fits(self, names: Sequence[str]) -> bool:
        wanted = vars(self).values()
        return all(_fit(name, patterns) for name, patterns in zip(names, wanted, strict=True) if patterns)


def several(patterns: Patterns) -> tuple[str, ...]:
    """One name, or several, as several."""
    return (patterns,) if isinstance(patterns, str) else tuple(patterns)


def _names(record: Record) -> tuple[str, str, str, str]:
    """What the fields of a choice are about, in their order."""
    suite = str(record.subject.config.get("suite", ""))
    return record.measure.name, record.subject.name, suite, record.protocol.name


def _fit(name: str, patterns: Iterable[str]) -> bool:
    return any(_matches(name, pattern) for pattern in patterns)


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)  # first as it is: names such as fvd.tf[fps=8] hold brackets


def _place(name: str, patterns: Sequence[str]) -> int:
    return next((place for place, pattern in enumerate(patterns) if _matches(name, pattern)), 0)


def _refuse_strangers(what: str, patterns: Sequence[str], names: list[str]) -> None:
    for pattern in patterns:
        if not any(_matches(name, pattern) for name in names):
            raise UsageError(f"no record has the {what.rstrip('s')} {pattern!r}; {near_misses(pattern, names)}")
