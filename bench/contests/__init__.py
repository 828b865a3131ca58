"""Side by side with other tools, or with the truth, each as a command that anyone can rerun."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidgauge.registry import Registry

if TYPE_CHECKING:
    from vidgauge.environment import Environment
    from vidgauge.record import Record

Announce = Callable[[float, str], None]
"""Told what fraction is done, and what comes next."""
Contest = Callable[["Environment", Announce], Iterator["Record"]]
"""A function that measures and gives records as they come; the first line of its docstring is its summary."""


@dataclass(frozen=True)
class Sitting:
    """How far a long contest has come, and how far it may go now."""

    earlier: "Sequence[Record]" = ()
    """The records of earlier sittings, oldest first."""
    minutes: float | None = None
    """About how long to go on; None until all is measured."""


class LongContest:
    """A contest that may be cut off anywhere and goes on where it was.

    Args:
        play: gives the records that are still missing, one for each small part, as they come.
        summarise: the results, from the records of all parts so far.
    """

    def __init__(
        self,
        play: Callable[["Environment", Announce, Sitting], Iterator["Record"]],
        summarise: Callable[[Sequence["Record"], "Environment"], list["Record"]],
    ) -> None:
        self.play = play
        self.summarise = summarise
        self.__doc__ = play.__doc__


CONTESTS: Registry[Contest | LongContest] = Registry("contest", "vidgauge.bench.contests")
