"""Side by side with other tools, or with the truth, each as a command that anyone can rerun."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from vidgauge.registry import Registry

if TYPE_CHECKING:
    from vidgauge.environment import Environment
    from vidgauge.record import Record

Announce = Callable[[float, str], None]
"""Told what fraction is done, and what comes next."""
Contest = Callable[["Environment", Announce], Iterator["Record"]]
"""A function that measures and gives records as they come; the first line of its docstring is its summary."""

CONTESTS: Registry[Contest] = Registry("contest", "vidgauge.bench.contests")
