"""What two runs differ in, as a person reads it in a terminal, and as data for machines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vidgauge.environment import Environment
from vidgauge.record import Record
from vidgauge.reports.configuration import config_text
from vidgauge.reports.difference import Change, is_judged
from vidgauge.reports.difference_matching import Matching, Pair
from vidgauge.reports.quantities import choose_scale, write
from vidgauge.reports.ranking import is_case
from vidgauge.reports.wording import ARROWS, one_line
from vidgauge.terminal import stdout_console

_MOST = 40
"""Rows of what is not judged, and names of what is in one run alone, that a terminal gets."""
_NOT_JUDGED = (
    "Not judged: between two runs a machine changes by more than most code does. A gate on time measures both side by "
    "side, in turns: vidgauge profile SUITE --fail-if slower."
)
_CASE_KEYS = ("case", "direction", "shape", "dtype", "device")


@dataclass(frozen=True)
class Difference:
    """All that there is to say about two runs."""

    before: str
    """The file of the earlier one."""
    after: str
    threshold: float
    changes: Sequence[Change]
    shown: Sequence[Pair]
    """What both have and nobody judges."""
    silent: Sequence[Pair]
    """Scores that have no value in either run."""
    matching: Matching
    environments: Mapping[str, Environment]
    """By fingerprint, as far as they are known."""

    @property
    def status(self) -> int:
        """For the exit: 1 if a score fails; 2 if there are scores, and none could be compared; else 0."""
        if any(change.fails for change in self.changes):
            return 1
        scores = [*self.silent, *((a, b) for a, b, _ in self.matching.incomparable if is_judged(a))]
        return 2 if scores and not self.changes else 0  # a gate that compares nothing must not pass

    @property
    def tests(self) -> int:
        """How many are corrected together."""
        return sum(change.p is not None for change in self.changes)

    def count(self, verdict: str) -> int:
        """How many scores have it."""
        return sum(change.verdict == verdict for change in self.changes)


def as_data(found: Difference) -> dict[str, Any]:
    """The same for JSON; ``passed`` is what the exit status says."""
    matching = found.matching
    return {
        "before": found.before,
        "after": found.after,
        "passed": found.status == 0,
        "threshold": found.threshold,
        "tests": found.tests,
        "correction": "holm",
        "scores": [_about(one.before) | _change_data(one) for one in found.changes],
        "not_judged": [_about(a) | {"before": _value(a), "after": _value(b)} for a, b in found.shown],
        "without_value": [_about(a) | {"before": _value(a), "after": _value(b)} for a, b in found.silent],
        "incomparable": [
            _about(a) | {"before": _value(a), "after": _value(b), "why": why} for a, b, why in matching.incomparable
        ],
        "only_before": [_about(record) | {"before": _value(record)} for record in matching.only_before],
        "only_after": [_about(record) | {"after": _value(record)} for record in matching.only_after],
        "renamed": [{"before": a, "after": b} for a, b in matching.renamed],
    }


def _change_data(change: Change) -> dict[str, Any]:
    return {
        "before": _value(change.before),
        "after": _value(change.after),
        "test": None if change.test is None else asdict(change.test),
        "p": change.p,
        "verdict": change.verdict,
        "why": change.why,
    }


def _about(record: Record) -> dict[str, Any]:
    return {
        "subject": record.subject.model_dump(mode="json"),
        "measure": record.measure.model_dump(),
        "protocol": record.protocol.model_dump(),
    }


def _value(record: Record) -> dict[str, Any]:
    names = {"value", "low", "high", "level", "n", "n_failed", "status", "reason", "environment", "code", "run", "time"}
    return record.model_dump(mode="json", include=names)


def print_difference(found: Difference) -> None:
    """Print the scores with their verdicts, then what is not judged, then what could not be compared."""
    console = stdout_console()
    if found.changes:
        console.print(_scores(found.changes))
    for line in _remarks(found):
        console.print(f"- {_plain(line)}", soft_wrap=True)
    if found.shown:
        if found.changes:
            console.print()
        console.print(_not_judged(found.shown))
        console.print(f"- {_NOT_JUDGED}", soft_wrap=True)
    _print_alone(console, found)
    console.print(_summary(found), soft_wrap=True)


def _scores(changes: Sequence[Change]) -> Table:
    several = len({change.before.subject.name for change in changes}) > 1
    table = Table(box=None, pad_edge=False)
    for heading in (
        *(["subject"] if several else []),
        "protocol",
        "before",
        "after",
        "difference",
        "p",
        "test",
        "verdict",
    ):
        table.add_column(heading, justify="right" if heading in ("before", "after", "p") else "left")
    for change in changes:
        subject = [_plain(change.before.subject.name)] if several else []
        table.add_row(*subject, *map(_plain, _row(change)))
    return table


def _row(change: Change) -> tuple[str, ...]:
    name = change.before.protocol.name + ARROWS[change.before.measure.better].rjust(2)
    values = (_number(record) for record in (change.before, change.after))
    if change.test is None:
        return name, *values, "", "", "", change.verdict
    test = change.test
    interval = "" if test.low is None else f" [{test.low:+.4g}, {test.high:+.4g}]"
    chance = "" if change.p is None else f"{change.p:.3g}"
    kind = ("paired" if test.paired else "unpaired") if test.p is not None else "none"
    return name, *values, f"{test.difference:+.4g}{interval}", chance, kind, change.verdict


def _number(record: Record) -> str:
    return record.status if record.value is None else f"{record.value:.5g}"


def _remarks(found: Difference) -> Iterator[str]:
    """What the scores rest on, each remark once, with the protocols that it is about unless these are all."""
    for before, after in found.matching.renamed:
        yield f"the one set of videos of either run: {before} before, {after} after"
    about: dict[str, list[str]] = {}
    for change in found.changes:
        for remark in _remarks_on(change):
            about.setdefault(remark, []).append(change.before.protocol.name)
    for remark, names in about.items():
        yield remark if len(names) == len(found.changes) else f"{_listed(list(dict.fromkeys(names)))}: {remark}"
    if found.changes:
        yield from _environments(found)
    if found.tests > 1:
        yield f"p is corrected for {found.tests} tests together (Holm); intervals are of each by itself"


def _remarks_on(change: Change) -> Iterator[str]:
    if change.why:
        yield f"{change.verdict}: {change.why}"
    if change.test is not None and change.test.p is not None:
        yield change.test.rests_on if not change.test.paired else f"paired: {change.test.rests_on}"
    if change.before.n != change.after.n and change.after.value is not None:
        yield f"{change.before.n} samples before, {change.after.n} after"
    if change.after.n_failed > change.before.n_failed:
        yield f"{change.after.n_failed} samples failed, {change.before.n_failed} before"


def _environments(found: Difference) -> Iterator[str]:
    pairs = dict.fromkeys((change.before.environment, change.after.environment) for change in found.changes)
    for before, after in pairs:
        if before == after:
            continue
        sides = [found.environments[key].model_dump() if key in found.environments else {} for key in (before, after)]
        flat = [side | side.pop("libraries", {}) | side.pop("ffmpeg", {}) | side.pop("variables", {}) for side in sides]
        names = [key for key in {**flat[0], **flat[1]} if flat[0].get(key) != flat[1].get(key)]
        told = [
            f"{name} {flat[0].get(name)}, then {flat[1].get(name)}" for name in names if name not in ("commit", "dirty")
        ]
        yield f"other environments: {'; '.join(told) if all(flat) else f'{before}, then {after}'}"


def _not_judged(pairs: Sequence[Pair]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("subject", "measure", "before", "after", "change"):
        table.add_column(heading, justify="left" if heading in ("subject", "measure") else "right")
    valued = [pair for pair in pairs if any(record.value is not None for record in pair)]
    for before, after in valued[:_MOST]:
        table.add_row(*map(_plain, _shown_row(before, after)))
    if left_out := len(pairs) - len(valued[:_MOST]):
        table.add_row(f"and {left_out} more, or without a value in either (--json has all)")
    return table


def _shown_row(before: Record, after: Record) -> tuple[str, ...]:
    scale = choose_scale(before.measure.unit, [record.value for record in (before, after) if record.value is not None])
    texts = [
        record.status
        if record.value is None
        else f"{write(record.value, None, None, scale).value} {scale.unit}".strip()
        for record in (before, after)
    ]
    change = f"{after.value / before.value - 1:+.1%}" if before.value and after.value is not None else ""
    return _subject(before), before.measure.name, *texts, change


def _subject(record: Record) -> str:
    config = record.subject.config
    told = [config_text(config[key]) for key in _CASE_KEYS if key in config] if is_case(record.subject) else []
    return f"{record.subject.name} ({', '.join(told)})" if told else record.subject.name


def _print_alone(console: Console, found: Difference) -> None:
    matching = found.matching
    for before, after in found.silent:
        what = f"{before.subject.name}, {before.protocol.name}"
        console.print(_plain(f"- no value in either run: {what}: {after.status}: {after.reason}"), soft_wrap=True)
    for before, after, why in matching.incomparable:
        names = " and ".join(dict.fromkeys(record.protocol.name for record in (before, after)))
        console.print(_plain(f"- incomparable: {before.subject.name}, {names}: {why}"), soft_wrap=True)
    for records, file in ((matching.only_before, found.before), (matching.only_after, found.after)):
        if records:
            alone = list(dict.fromkeys(f"{record.subject.name} {record.protocol.name}" for record in records))
            console.print(_plain(f"- only in {file}, {len(records)} records: {_listed(alone)}"), soft_wrap=True)


def _summary(found: Difference) -> str:
    if not found.changes:
        return "no score could be compared: nothing is judged"
    verdicts = ("worse", "broken", "better", "equal", "undecided")
    counts = ", ".join(f"{found.count(verdict)} {verdict}" for verdict in verdicts if found.count(verdict))
    return f"{counts}; changes up to {found.threshold:.3g} of a score do not matter"


def _listed(names: Sequence[str]) -> str:
    most = 4
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _plain(text: str) -> str:
    return escape(one_line(text))
