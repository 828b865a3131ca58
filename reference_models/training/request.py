"""What a training run is asked for: a run that goes on must be asked for the same."""

from typing import Any

from pydantic import Field

from vidgauge.errors import UsageError
from vidgauge.record import Frozen


class Request(Frozen):
    """All that decides which weights come out, but for code, libraries and machine."""

    system: str
    """Name of the pipeline."""
    seed: int = 0
    """Of the first weights and of what each step draws."""
    steps: int | None = None
    """Over all phases, which keep their shares; their own without it."""
    seconds: float | None = None
    """Train about so long instead."""
    data: dict[str, Any]
    """What identifies the data."""
    phases: tuple[str, ...] | None = None
    """Those to train, by name; all of them without it."""
    begin: str | None = None
    """Digest of the weights that it begins from, in the place of new ones."""
    learning_rate: float = Field(default=1.0, gt=0)
    """Factor on that of every phase."""

    def require(self, other: "Request", where: object) -> None:
        """Refuse to go on with what another request began.

        Raises:
            UsageError: naming what differs.
        """
        ours, theirs = self.model_dump(), other.model_dump()
        different = [f"{key} {theirs[key]}, now {ours[key]}" for key in ours if ours[key] != theirs[key]]
        if different:
            raise UsageError(f"{where} is of a run with other options ({'; '.join(different)}); give another --out")
