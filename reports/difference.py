"""Two runs against each other: which scores got worse, which better, and which cannot be told apart.

A score is compared by a test, never by its value alone. All tests of one comparison are corrected together by Holm's
method (1979), so that the chance of calling anything different where nothing is stays below one in twenty however many
measures there are. What depends on the machine is shown beside them and never judged: between two runs a machine
changes by more than most code does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from vidgauge.record import Record
from vidgauge.reports.ranking import contest

Verdict = Literal["better", "worse", "equal", "undecided", "broken"]
"""``broken``: it had a value, and has none any more."""

LEVEL = 0.95
"""One minus the chance that any verdict of a comparison is wrong where nothing has changed."""
THRESHOLD = 0.01
"""Differences of up to this fraction of the earlier value are of no practical importance."""

_NORMAL = NormalDist()


@dataclass(frozen=True)
class Contrast:
    """The later value less the earlier one, and how sure that is."""

    difference: float
    low: float | None
    high: float | None
    level: float | None
    p: float | None
    """How often a difference as large, up or down, comes by chance where there is none; None where nobody can tell."""
    paired: bool
    rests_on: str
    """What was compared, or why there is no p."""


@dataclass(frozen=True)
class Change:
    """One score in both runs."""

    before: Record
    after: Record
    test: Contrast | None
    """None where one of them has no value."""
    p: float | None
    """Of the test, corrected for all tests of the comparison."""
    verdict: Verdict
    why: str = ""
    """What a reader must know about the verdict."""

    @property
    def fails(self) -> bool:
        """Whether a gate must not let it pass."""
        return self.verdict in ("worse", "broken")


def is_judged(record: Record) -> bool:
    """Whether a record is a score: neither time, memory nor a benchmark's, one way is better, no random weights."""
    *_, environment = contest(record)  # named only where the machine has a say
    random = (record.details.get("protocol") or {}).get("random_weights") is not None
    return record.measure.better != "neither" and not environment and not random


def unpaired(before: Record, after: Record, why_not_paired: str) -> Contrast:
    """By the standard errors of the two intervals alone, as if nothing were common to both sets of samples.

    What is common to both, such as real videos or prompts, makes a difference surer than that: the test finds less than
    a paired one would, and does not find more than there is.
    """
    assert before.value is not None and after.value is not None, "there is nothing to test without values"  # noqa: PT018
    difference = after.value - before.value
    errors = [standard_error(record) for record in (before, after)]
    if None in errors:
        missing = next(record for record, error in zip((before, after), errors, strict=True) if error is None)
        return Contrast(
            difference, None, None, None, None, paired=False, rests_on=f"no interval: {missing.no_interval}"
        )
    error = math.hypot(*(each or 0.0 for each in errors))
    margin = _NORMAL.inv_cdf((1 + LEVEL) / 2) * error
    p = 2 * _NORMAL.cdf(-abs(difference) / error) if error else float(difference == 0)
    rests_on = f"intervals alone, not paired: {why_not_paired}"
    return Contrast(difference, difference - margin, difference + margin, LEVEL, p, paired=False, rests_on=rests_on)


def standard_error(record: Record) -> float | None:
    """As the record says; else from its interval, as if that were a normal variable's."""
    interval = record.details.get("interval")
    said = interval.get("standard_error") if isinstance(interval, dict) else None
    if isinstance(said, (int, float)):
        return float(said)
    if record.low is None or record.high is None or record.level is None:
        return None
    return (record.high - record.low) / 2 / _NORMAL.inv_cdf((1 + record.level) / 2)


def judge(
    pairs: Sequence[tuple[Record, Record]], tests: Sequence[Contrast | None], threshold: float = THRESHOLD
) -> list[Change]:
    """A verdict on each score that both runs have.

    ``worse`` and ``better``: the corrected p is at most 1 - ``LEVEL``, and the difference exceeds the threshold.
    ``equal``: the interval of the difference lies inside the threshold, or nothing has changed to the last digit.

    Args:
        pairs: the earlier and the later record of each.
        tests: as many; None where one of the two has no value.
        threshold: the least difference that matters, as a fraction of the earlier value.
    """
    asked = [test if _sizes(pair) == "" else None for pair, test in zip(pairs, tests, strict=True)]
    corrected = holm([None if test is None else test.p for test in asked])
    return [
        Change(*pair, test, p, *_verdict(pair, test, p, threshold))
        for pair, test, p in zip(pairs, tests, corrected, strict=True)
    ]


def holm(chances: Sequence[float | None]) -> list[float | None]:
    """Each p as large as it must be for all of them to be read together; None is no test, and counts for none."""
    order = sorted((p, place) for place, p in enumerate(chances) if p is not None)
    corrected: list[float | None] = [None] * len(chances)
    largest = 0.0
    for rank, (p, place) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        corrected[place] = largest
    return corrected


def _verdict(
    pair: tuple[Record, Record], test: Contrast | None, p: float | None, threshold: float
) -> tuple[Verdict, str]:
    before, after = pair
    if test is None:
        broken = after.value is None and before.value is not None
        return ("broken", f"{after.status}: {after.reason}") if broken else ("undecided", "it had no value before")
    if why := _sizes(pair):
        return "undecided", why
    if test.difference == 0 and (before.low, before.high, before.n) == (after.low, after.high, after.n):
        return "equal", "the same to the last digit"
    if p is None or test.low is None or test.high is None:
        return "undecided", test.rests_on
    least = threshold * abs(before.value or 0.0)
    if p <= 1 - LEVEL and abs(test.difference) > least:
        return ("better" if (test.difference > 0) == (before.measure.better == "higher") else "worse"), ""
    if -least <= test.low and test.high <= least:
        return "equal", ""
    return "undecided", ""


def _sizes(pair: tuple[Record, Record]) -> str:
    """Why two scores do not compare although their protocol is one: a bias that hangs on how many videos there are."""
    if not all("extrapolated" in record.details for record in pair):
        return ""
    before, after = (
        " and ".join(str(record.details.get(f"n_{side}")) for side in ("real", "generated")) for record in pair
    )
    return "" if before == after else f"from {before} clips, then {after}, and the measure's bias hangs on that"
