"""Intervals and tests against simulated sets: one table for each thing that they are about, one row a setting."""

import math
from collections.abc import Callable, Sequence

from vidgauge.record import Record
from vidgauge.reports.layouts import LAYOUTS
from vidgauge.reports.markdown import escape

_TITLES = {
    ("fvd", "score"): "Fréchet distance: intervals for the expected value at this N",
    ("fvd", "infinite"): "Fréchet distance at infinite N: intervals for the value between the distributions",
    ("others", "score"): "Other measures, and the bootstrap: intervals for the expected value at this N",
    ("others", "difference"): "Differences of two generated sets: intervals for the expected difference, which is 0",
    ("others", "p"): "Tests where nothing differs: how often p is at most 0.05",
}
_NAMES = {"kvd": "kernel distance", "is": "Inception Score", "mean": "mean", "fvd": "Fréchet distance"}
_LOW, _HIGH = 0.93, 0.98

Cell = Callable[[Record], str]


@LAYOUTS.register("coverage")
def coverage(records: Sequence[Record]) -> str:
    """Shares with their 95 % intervals; standard errors and half widths by what the true spread makes them."""
    tables: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record.subject.kind in ("interval", "test"):
            kind, about = record.subject.config["kind"], record.subject.config["about"]
            tables.setdefault((kind if kind == "fvd" else "others", about), []).append(record)
    return "\n".join(_table(*key, tables[key]) for key in _TITLES if key in tables)


def _table(kind: str, about: str, records: Sequence[Record]) -> str:
    cells = _cells(kind, about)
    lines = [f"**{_TITLES[kind, about]}**", ""]
    lines += ["| " + " | ".join(cells) + " |", "| --- |" + " ---: |" * (len(cells) - 1)]
    lines += ["| " + " | ".join(cell(record) for cell in cells.values()) + " |" for record in records]
    return "\n".join([*lines, *(["", _sum(records)] if (kind, about) == ("fvd", "score") else []), ""])


def _cells(kind: str, about: str) -> dict[str, Cell]:
    """Of a row, by heading."""
    cells: dict[str, Cell] = {"sets": _setting if kind == "fvd" else _named}
    cells |= {"D": _config("dimension"), "N": _config("samples")}
    if about == "p":
        return cells | {"p <= 0.05": _share}
    if about == "infinite":
        cells |= {"true value": _number("target"), "mean": _number("mean")}
    elif about == "score":
        cells["expected"] = _number("target")
    cells |= {"true spread": _number("standard_deviation"), "standard error": _error}
    return cells | {"half width": _half_width, "covered": _share if about != "score" else _judged}


def _setting(record: Record) -> str:
    differs = record.subject.config["differs"]
    words = [{"nothing": "alike", "both": "mean and covariance differ"}.get(differs, f"{differs} differs")]
    words += ["heavy tails"] if record.subject.config["tails"] == "heavy" else []
    return escape(", ".join([*words, *_clips(record)]))


def _named(record: Record) -> str:
    what, _, how = record.subject.config["kind"].partition(" ")
    name = _NAMES[what] + (f" by {how}" if how in ("bootstrap", "permutation") else "")
    if how == "difference":
        return escape(f"{name}, {'same prompts' if record.subject.config['paired'] else 'prompts of their own'}")
    return (
        f"{escape(name)}: {_setting(record)}" if what in ("fvd", "kvd") else escape(", ".join([name, *_clips(record)]))
    )


def _clips(record: Record) -> list[str]:
    each = record.subject.config["each"]
    return [f"{each} clips a video"] if each > 1 else []


def _config(key: str) -> Cell:
    return lambda record: str(record.subject.config[key])


def _number(key: str) -> Cell:
    return lambda record: f"{record.details[key]:.4g}"


def _error(record: Record) -> str:
    """The root of the mean variance that standard errors claim, by the true spread."""
    found = record.details
    return f"{math.sqrt(found['standard_error_squared_mean']) / found['standard_deviation']:.2f}"


def _half_width(record: Record) -> str:
    """The usual one, by that of a normal variable whose spread is known."""
    return f"{record.details['half_width'] / (1.96 * record.details['standard_deviation']):.2f}"


def _share(record: Record) -> str:
    return f"{record.value:.1%} [{record.low:.1%}, {record.high:.1%}]"


def _judged(record: Record) -> str:
    return _share(record) + ("" if _large(record) else " conservative")


def _large(record: Record) -> bool:
    """Whether there are enough samples for an interval that is neither too narrow nor too wide."""
    config = record.subject.config
    enough: bool = config["samples"] >= 4 * config["dimension"]
    return enough or config["kind"] != "fvd"


def _sum(records: Sequence[Record]) -> str:
    shares = [record.value for record in records if record.value is not None and _large(record)]
    if not shares:
        return ""
    within = sum(_LOW <= share <= _HIGH for share in shares)
    return (
        f"Of N >= 4 D, {within} of {len(shares)} rows cover {_LOW:.0%} to {_HIGH:.0%}: from {min(shares):.1%} to "
        f"{max(shares):.1%}.\n"
    )
