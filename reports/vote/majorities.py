"""Each prompt decided by the majority of its raters, as Make-A-Video counts votes (there with five raters a prompt)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from scipy import stats

from vidgauge.reports.vote.counting import Vote
from vidgauge.reports.vote.shares import LEVEL, wilson


@dataclass(frozen=True)
class Majorities:
    """How many prompts each system won."""

    won: int
    """By the first system."""
    decided: int
    undecided: int
    """As many votes for the one as for the other."""
    fewest: int
    """Raters of a prompt."""
    most: int

    @property
    def value(self) -> float:
        """The share of decided prompts that the first system won."""
        return self.won / self.decided

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's: of other prompts, put to the same raters."""
        return wilson(self.value, self.decided, float(stats.norm.ppf((1 + LEVEL) / 2)))


def votes_by_prompt(votes: Sequence[Vote]) -> list[list[Vote]]:
    """The votes on each prompt."""
    ordered = sorted(votes, key=lambda vote: vote.prompt)
    return [list(group) for _, group in groupby(ordered, key=lambda vote: vote.prompt)]


def majorities(prompts: Sequence[Sequence[Vote]], first: str) -> Majorities:
    """Decide each prompt by the majority of its votes between two systems.

    Args:
        prompts: the votes on each prompt about one question.
        first: the system whose prompts are counted.
    """
    leads = [sum((vote.winner == first) - (vote.winner not in (first, None)) for vote in group) for group in prompts]
    sizes = [len(group) for group in prompts] or [0]
    decided = sum(lead != 0 for lead in leads)
    return Majorities(sum(lead > 0 for lead in leads), decided, len(leads) - decided, min(sizes), max(sizes))
