"""Entrants side by side in interleaved rounds; one that fails leaves the others their times."""

import io
import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from vidgauge.bench.contests.agreement.comparison import version
from vidgauge.bench.contests.scoring_speed.finding import RATIO, SECONDS, Finding, estimated, without
from vidgauge.bench.contests.scoring_speed.plan import Rounds
from vidgauge.bench.timing.comparison import Comparison, again
from vidgauge.bench.timing.rounds import Action, TimingRule, run_rounds
from vidgauge.bench.timing.rounds import Rounds as TimedRounds
from vidgauge.record import Measure

Tell = Callable[[float, str], None]
"""Told what fraction of a part is done, and what comes next."""
Call = Callable[[], object]
OURS = "vidgauge"
_MOST = 100
"""Rounds, however short they are."""


@dataclass(frozen=True)
class Entrant:
    """What is timed."""

    tool: str
    what: str
    call: Call
    package: str = OURS
    """The distribution that must be there."""
    rehearsal: Call | None = None
    """What warms it up, where the call itself would take too long for that."""

    @property
    def name(self) -> str:
        """In the rounds."""
        return f"{self.tool}, {self.what}"


class Turns:
    """An entrant's calls: the first is the rehearsal, if there is one, and none comes after one that failed."""

    def __init__(self, entrant: Entrant) -> None:
        self._calls = [entrant.call] if entrant.rehearsal is None else [entrant.call, entrant.rehearsal]
        self.value: Any = None
        """What the last call returned."""
        self.failure = ""

    def __call__(self) -> None:
        """Make the next call."""
        if self.failure:
            return
        call = self._calls.pop() if len(self._calls) > 1 else self._calls[0]
        try:
            with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                warnings.simplefilter("ignore")  # others say much that is not asked for
                self.value = call()
        except Exception as error:  # noqa: BLE001 - whatever a peer raises is its result
            self.failure = " ".join(f"{type(error).__name__}: {error}".split())[:200]


@dataclass(frozen=True)
class Race:
    """What came of it."""

    times: Comparison
    values: dict[str, Any]
    """What the entrants returned, by name."""
    lost: list[Finding]
    """Why some have no time."""

    def finding(self, entrant: Entrant, measure: Measure, result: dict[str, Any]) -> Finding:
        """Of an entrant that has its times, with all of them and its package's version."""
        samples = self.times.samples[entrant.name]
        package = {"package": entrant.package, "version": version(entrant.package)}
        details = {"seconds": samples.seconds, "cpu_shares": samples.cpu_shares} | package
        result = result | {"details": details | result.get("details", {})}
        return Finding(tool=entrant.tool, what=entrant.what, measure=measure, result=result)

    def seconds(self, entrant: Entrant, details: dict[str, Any] | None = None) -> Finding:
        """The median time of a call."""
        return self.finding(entrant, SECONDS, estimated(self.times.latency(entrant.name), details))

    def ratio(self, above: Entrant, below: Entrant) -> Finding:
        """Time of one over time of the other."""
        details = {"verdict": str(self.times.verdict(above.name, below.name))}
        result = estimated(self.times.ratio(above.name, below.name), details)
        return Finding(tool=above.tool, what=f"{above.what} / {below.name}", measure=RATIO, result=result)

    def noise_floor(self) -> Finding:
        """The baseline over itself."""
        tool, _, what = self.times.baseline.partition(", ")
        return Finding(tool=tool, what=f"{what} / itself", measure=RATIO, result=estimated(self.times.noise_floor()))

    def ran(self, entrant: Entrant) -> bool:
        """Whether it has times."""
        return entrant.name in self.times.samples


def race(entrants: list[Entrant], measure: Measure, rounds: Rounds, tell: Tell, *, twice: bool = True) -> Race:
    """Time all entrants, the first of which is the baseline.

    Args:
        entrants: those whose package is missing are left out and named.
        measure: which number those that are left out or fail do not have.
        rounds: how many.
        tell: told what comes.
        twice: whether the baseline runs a second time in each round, so that the noise floor is seen.

    Raises:
        RuntimeError: where the baseline fails.
    """
    here = [each for each in entrants if version(each.package) is not None]
    missing = [each for each in entrants if each not in here]
    lost = [without(each.tool, each.what, measure, "skipped", f"{each.package} is not installed") for each in missing]
    baseline = here[0].name
    turns = {each.name: Turns(each) for each in here}
    if twice:
        turns = {again(baseline): Turns(here[0])} | turns
    found = _timed(turns, rounds, tell)
    if turns[baseline].failure:
        raise RuntimeError(f"{baseline} failed: {turns[baseline].failure}")
    lost += [
        without(each.tool, each.what, measure, "failed", turns[each.name].failure)
        for each in here
        if turns[each.name].failure
    ]
    kept = {name: samples for name, samples in found.samples.items() if not turns[name].failure}
    times = Comparison(kept, baseline, stopped=found.stopped, seconds=found.seconds)
    return Race(times, {name: turn.value for name, turn in turns.items()}, lost)


def _timed(turns: Mapping[str, Turns], rounds: Rounds, tell: Tell) -> TimedRounds:
    # Calls are long, so that one is a sample.
    rule = TimingRule(warmup_rounds=1, min_rounds=rounds.fewest, max_rounds=_MOST, min_sample_seconds=1e-9)
    planned, made = (rule.warmup_rounds + rounds.fewest) * len(turns), count()
    return run_rounds(
        {name: Action(turn) for name, turn in turns.items()},
        rule,
        rounds.seconds,
        np.random.default_rng(0),
        announce=lambda name, _: tell(min(1.0, next(made) / planned), name),
    )
