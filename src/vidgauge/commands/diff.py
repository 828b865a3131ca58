"""``vidgauge diff A B``: what changed between two runs, and a gate for scores that got worse."""

import json as json_format
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from vidgauge.metrics.retesting import Retested
    from vidgauge.record import Record
    from vidgauge.reports.difference import Contrast


def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="Store of the earlier run, or JSON or CSV of records.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="The same of the later run.")],
    threshold: Annotated[
        float, typer.Option(min=0, help="Least change of a score that matters, as a fraction of it.")
    ] = 0.01,
    cache: Annotated[Path | None, typer.Option(help="Folder of features, for paired tests. [the user's cache]")] = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Read no features; compare what the records hold.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print all as a JSON object.")] = False,
) -> None:
    """Compare two stores by paired tests; the exit status is 1 if a score got worse or broke.

    It is 0 if none did, and 2 where no score can be compared. Several tests are corrected together (Holm). Times and
    memory of different runs are shown and never judged: for a gate on time see 'vidgauge profile --fail-if slower'.
    """
    from vidgauge.errors import UsageError
    from vidgauge.record_files import read_records
    from vidgauge.reports.difference import is_judged, judge
    from vidgauge.reports.difference_matching import match
    from vidgauge.reports.difference_text import Difference, as_data, print_difference

    if before.exists() and after.exists() and before.samefile(after):
        raise UsageError(f"{before} and {after} are one file; give two stores")
    if cache is not None and no_cache:
        raise UsageError("--cache says where features are kept, and --no-cache that none are read; give one of them")
    (earlier, environments), (later, others) = (read_records(path) for path in (before, after))
    for path, records in ((before, earlier), (after, later)):
        if not records:
            raise UsageError(f"{path} holds no records; make some with 'vidgauge score --store {path}'")
    matching = match(earlier, later)
    if not matching.pairs and not matching.incomparable:
        raise UsageError(
            f"nothing in {after} has its like in {before}: no subject, measure and protocol is in both "
            f"({len(matching.only_before)} records in one, {len(matching.only_after)} in the other)"
        )
    scores = [pair for pair in matching.pairs if is_judged(pair[0])]
    judged = [pair for pair in scores if any(record.value is not None for record in pair)]
    shown = [pair for pair in matching.pairs if not is_judged(pair[0])]
    changes = judge(judged, _tests(judged, False if no_cache else cache), threshold)
    silent = [pair for pair in scores if all(record.value is None for record in pair)]
    found = Difference(str(before), str(after), threshold, changes, shown, silent, matching, environments | others)
    if json:
        typer.echo(json_format.dumps(as_data(found), indent=1, ensure_ascii=False))
    else:
        print_difference(found)
    raise typer.Exit(found.status)


def _tests(pairs: "Sequence[tuple[Record, Record]]", cache: Path | Literal[False] | None) -> "list[Contrast | None]":
    """A paired test where there can be one, else one from the intervals; None where a value is missing."""
    from vidgauge.progress import progress_bar

    measured = [pair for pair in pairs if pair[0].value is not None and pair[1].value is not None]
    if not measured:
        return [None] * len(pairs)
    from vidgauge.metrics.retesting import retest  # imports torch

    with progress_bar() as bar:
        task = bar.add_task("reading features", total=None)
        found = retest(measured, cache=cache, advance=lambda done, total: bar.update(task, completed=done, total=total))
    tests = (_contrast(*pair, one) for pair, one in zip(measured, found, strict=True))
    return [None if None in (first.value, second.value) else next(tests) for first, second in pairs]


def _contrast(before: "Record", after: "Record", found: "Retested | str") -> "Contrast":
    from vidgauge.reports.difference import Contrast, unpaired

    if isinstance(found, str):
        return unpaired(before, after, found)
    ends, apart = found.difference.interval, found.difference
    rests_on = ends.reason or found.rests_on
    return Contrast(apart.value, ends.low, ends.high, ends.level, apart.p, paired=True, rests_on=rests_on)
