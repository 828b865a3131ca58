"""Progress on stderr: what is being done, how far, and the time left. Silent where nobody watches."""

import os

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def progress_bar() -> Progress:
    """A progress display for a ``with`` block; off where stderr is not a terminal, or another process has it."""
    console = Console(stderr=True)
    first = os.environ.get("RANK", "0") == "0"  # of several processes under torchrun
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not (console.is_terminal and first),
    )
