"""What a study found, as a person reads it in a terminal."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from vidgauge.record import Record
from vidgauge.reports.vote.results import ACCOUNT, PREFERENCE, RANKING

_WHAT = {"preferred": "votes for it", "majority": "prompts for it", "agreement": "agreement (alpha)"}


def tables(records: Sequence[Record]) -> list[Table]:
    """One table of pairs, and one of strengths where there are more than two systems."""
    pairs = Table(box=SIMPLE_HEAD, pad_edge=False, title="Preference, with 95 % intervals", title_justify="left")
    for heading in ("question", "system", "against", *_WHAT.values()):
        pairs.add_column(heading, overflow="fold")
    cells = {
        (one.subject.name, one.subject.config["against"], one.measure.name): one
        for one in records
        if one.subject.kind == PREFERENCE
    }
    for system, against, measure in cells:
        question, _, what = measure.partition("_")
        if what == "preferred":
            found = [_cell(cells[system, against, f"{question}_{kind}"], kind != "agreement") for kind in _WHAT]
            pairs.add_row(question, *map(escape, (system, against, *found)))
    ranks = Table(box=SIMPLE_HEAD, pad_edge=False, title="Strength, log odds (Bradley-Terry)", title_justify="left")
    for heading in ("question", "system", "strength"):
        ranks.add_column(heading, overflow="fold")
    ranked = [record for record in records if record.subject.kind == RANKING]
    for record in sorted(ranked, key=lambda one: (one.measure.name, -(one.value or 0.0))):
        question = record.measure.name.partition("_")[0]
        ranks.add_row(question, *map(escape, (record.subject.name, _cell(record, percent=False))))
    return [pairs, ranks] if ranked else [pairs]


def lines(records: Sequence[Record]) -> list[str]:
    """The account of raters and votes, and what must be said beside the numbers."""
    counts = {record.measure.name: record for record in records if record.subject.kind == ACCOUNT}
    whole = {name: int(record.value or 0) for name, record in counts.items()}
    left_out = (
        f"{whole['raters_left_out']} raters ({whole['raters_who_failed_checks']} missed too many checks, the others "
        f"answered none) with {whole['votes_left_out']} votes"
    )
    told = [
        f"{whole['raters']} raters and {whole['votes']} votes count; left out by the rule of the plan: {left_out}",
        f"the left video was preferred in {_cell(counts['left_chosen'], percent=True)} of votes: 50 % is no bias",
    ]
    notes = [note for record in records for note in record.details.get("notes", [])]
    missing = [f"{record.measure.name.replace('_', ' ')}: {record.reason}" for record in records if record.reason]
    bare = [f"{record.measure.name}: no interval: {record.no_interval}" for record in records if _bare(record)]
    return list(dict.fromkeys(told + notes + missing + bare))


def _bare(record: Record) -> bool:
    return bool(record.no_interval) and record.subject.kind != ACCOUNT


def _cell(record: Record, percent: bool) -> str:
    if record.value is None:
        return record.status
    factor, digits = (100, 1) if percent else (1, 2)
    value = f"{factor * record.value:.{digits}f}{' %' if percent else ''}"
    if record.low is None or record.high is None:
        return value
    return f"{value} [{factor * record.low:.{digits}f}, {factor * record.high:.{digits}f}]"
