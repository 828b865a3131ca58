"""How long a phase of training lasts, and on how much: what a recipe says of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from vidgauge.reference_models.pipeline import Phase, Step


@dataclass(frozen=True)
class Plan:
    """Of one phase."""

    steps: int
    batch: int
    learning_rate: float
    """The highest; it falls to zero along a cosine."""

    def phase(self, name: str, trains: Sequence[str], loss: Callable[[Step], Tensor], ema: float) -> Phase:
        """As the trainer wants it."""
        return Phase(name, tuple(trains), loss, self.steps, self.batch, self.learning_rate, decay="cosine", ema=ema)
